"""The JSON documents of the flows: envelope {"format", "version", "verdict", …}, and the transcript as data."""

from typing import Any, Final, assert_never

from cardsim.decode.bits import TSI, TVR, cryptogram_kind, cvm_rule_text, flag_names
from cardsim.decode.commands import mask
from cardsim.decode.documents import lines_data
from cardsim.decode.explain import explain_answer, explain_ber
from terminal.effects import Discard, Display, Keep, Print, Report
from terminal.flows.financial.day import DayOutcome
from terminal.flows.financial.flow import FinancialOutcome
from terminal.flows.financial.inquiry import CardInquiry
from terminal.flows.full.config import FullOutcome, ServiceRun
from terminal.flows.social.flow import SocialOutcome
from terminal.messages.bank import Totals
from terminal.messages.plain import plain_fields
from terminal.outcome import DataItem, Failure
from terminal.slots import Slot
from terminal.transcript import (
    Answered,
    Chosen,
    CommandSent,
    Event,
    Exchange,
    HostAsked,
    PinAsked,
    PoweredOff,
    PoweredOn,
    SocialHostAsked,
    Stored,
)

VERSION: Final = 1
Document = dict[str, Any]


def _hex(data: bytes) -> str:
    return data.hex().upper()


def _slot(slot: Slot) -> str:
    return slot.name.lower()


def _failure(failure: Failure | None) -> Document | None:
    if failure is None:
        return None
    sw = None if failure.sw is None else str(failure.sw)
    return {"cause": failure.cause.name.lower(), "step": failure.step, "text": failure.text, "sw": sw}


def _items(items: tuple[DataItem, ...]) -> list[Document]:
    return [
        {"tag": f"{i.tag:02X}", "name": i.name, "chinese": i.chinese, "text": i.text, "value": _hex(i.value)}
        for i in items
    ]


def social_part(outcome: SocialOutcome) -> Document:
    """What the social-security side found."""
    return {
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "failure": _failure(outcome.failure),
        "blocked": outcome.blocked,
        "suite": None if outcome.suite is None else outcome.suite.value,
        "specification_version": outcome.version,
        "historical_bytes": _hex(outcome.historical),
        "card_authenticated": outcome.card_authenticated,
        "terminal_authenticated": outcome.terminal_authenticated,
        "pin_verified": outcome.pin_verified,
        "terminal_number": outcome.terminal_number,
        "issuer": _items(outcome.issuer),
        "holder": _items(outcome.holder),
    }


def financial_part(outcome: FinancialOutcome) -> Document:
    """What the bank's side found."""
    cvm = outcome.cvm_result
    return {
        "verdict": outcome.verdict.value,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "failure": _failure(outcome.failure),
        "faults": list(outcome.faults),
        "blocked": outcome.blocked,
        "aid": _hex(outcome.aid),
        "label": outcome.label,
        "pan": outcome.pan,
        "offline_data_authentication": {
            "method": outcome.oda.method.value,
            "passed": outcome.oda.method.value != "none" and not outcome.oda.problem,
            "problem": outcome.oda.problem,
        },
        "tvr": {"value": _hex(outcome.tvr), "flags": flag_names(TVR, outcome.tvr)},
        "tsi": {"value": _hex(outcome.tsi), "flags": flag_names(TSI, outcome.tsi)},
        "cvm_result": {"value": _hex(cvm), "method": cvm_rule_text(cvm[0], cvm[1])},
        "response_code": outcome.arc,
        "cryptograms": [
            {
                "kind": cryptogram_kind(c.cid).split()[0],
                "atc": c.atc,
                "value": _hex(c.value),
                "issuer_application_data": _hex(c.iad),
                "check": c.check.value,
            }
            for c in outcome.cryptograms
        ],
        "reversal": outcome.reversal,
        "trace": outcome.trace,
        "reference": outcome.reference,
        "authorisation": outcome.authorisation,
        "balance": outcome.balance,
        "fee": outcome.fee,
        "electronic_cash_balance": outcome.cash_balance,
        "scripts": [
            {
                "template": f"{script.when:X}",
                "identifier": _hex(script.identifier),
                "ending": script.ending.name.lower().replace("_", " "),
                "failed_at": script.failed_at,
                "result": _hex(bytes(script)),
            }
            for script in outcome.scripts
        ],
        "card_kept": outcome.card_kept,
        "items": _items(outcome.items),
    }


def _envelope(name: str, part: Document, transcript: list[Document]) -> Document:
    return {"format": f"cardterm-{name}", "version": VERSION, **part, "transcript": transcript}


def social_document(outcome: SocialOutcome, transcript: list[Document]) -> Document:
    """`cardterm social --json`."""
    result = [{"name": name, "text": text} for name, text in outcome.result]
    return _envelope("social", {**social_part(outcome), "service": outcome.service.value, "result": result}, transcript)


def financial_document(outcome: FinancialOutcome, transcript: list[Document]) -> Document:
    """`cardterm financial --json`."""
    return _envelope("financial", financial_part(outcome), transcript)


def full_document(outcome: FullOutcome, transcript: list[Document]) -> Document:
    """`cardterm full --json`: a verdict for each side."""
    parts = {"social": social_part(outcome.social), "financial": financial_part(outcome.financial)}
    return _envelope("full", {"verdict": outcome.verdict.value, "reason": outcome.reason, **parts}, transcript)


def _totals(totals: Totals | None) -> Document | None:
    return None if totals is None else plain_fields(totals)


def day_document(outcome: DayOutcome, transcript: list[Document]) -> Document:
    """`cardterm financial --type sign-on --json`, and settle."""
    return {
        "format": "cardterm-day",
        "version": VERSION,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "reached": outcome.reached,
        "response_code": outcome.arc,
        "trace": outcome.trace,
        "terminal_totals": _totals(outcome.own),
        "host_totals": _totals(outcome.host),
        "transcript": transcript,
    }


def inquiry_document(outcome: CardInquiry, transcript: list[Document]) -> Document:
    """`cardterm financial --type balance` and `log`: what the card tells without a transaction."""
    part = {
        "verdict": outcome.verdict.value,
        "failure": _failure(outcome.failure),
        "aid": _hex(outcome.aid),
        "label": outcome.label,
        "electronic_cash_balance": outcome.balance,
        "transactions": [_items(entry) for entry in outcome.transactions],
        "loads": [_items(entry) for entry in outcome.loads],
    }
    return _envelope("inquiry", part, transcript)


def service_document(run: ServiceRun, transcript: list[Document]) -> Document:
    """`cardterm full --service settle --json` and others: the service, and the sides that it used."""
    service = run.service
    part = {
        "verdict": run.verdict.value,
        "reason": run.reason,
        "service": {
            "end": service.end.value,
            "references": dict(service.references),
            "amounts": dict(service.amounts),
            "items": [{"name": name, "text": text} for name, text in service.items],
        },
        "social": None if run.social is None else social_part(run.social),
        "financial": None if run.financial is None else financial_part(run.financial),
    }
    return _envelope("full", part, transcript)


class JsonTranscript:
    """A listener that keeps the events as data; `events` is the list so far."""

    def __init__(self, *, show_secrets: bool = False) -> None:
        self.events: list[Document] = []
        self._show_secrets = show_secrets
        self._exchanges: list[Document] = []

    def __call__(self, event: Event) -> None:
        """Keep one event."""
        match event:
            case PoweredOn():
                self.events.append({"event": "power-on", "slot": _slot(event.slot), "atr": _hex(event.atr)})
            case PoweredOff():
                self.events.append({"event": "power-off", "slot": _slot(event.slot)})
            case CommandSent():
                self._exchanges = []
            case Exchange():
                command = self._command(event.command, secret=event.secret)
                answer = {"command": command, "response": _hex(event.response), "follows": event.follows}
                self._exchanges.append(answer)
            case Answered():
                self.events.append(self._answer(event))
            case HostAsked():
                self.events.append(_host(event))
            case SocialHostAsked():
                self.events.append(_social_host(event))
            case Chosen():
                chosen = None if event.index is None else event.asked.options[event.index]
                options = list(event.asked.options)
                self.events.append(
                    {"event": "choice", "prompt": event.asked.prompt, "options": options, "chosen": chosen}
                )
            case Stored():
                self.events.append(_stored(event.change))
            case Print():
                lines = [{"name": name, "text": text} for name, text in event.lines]
                self.events.append({"event": "print", "title": event.title, "lines": lines})
            case PinAsked():
                asked = {"prompt": event.prompt, "purpose": event.purpose.name.lower(), "entered": event.entered}
                self.events.append({"event": "pin", **asked})
            case Report():
                step = {"step": event.step, "mark": event.mark.value, "text": event.text}
                self.events.append({"event": "step", **step, "details": dict(event.details)})
            case Display():
                self.events.append({"event": "display", "message": event.message})
            case _:
                assert_never(event)

    def _command(self, command: bytes, *, secret: bool) -> str:
        return mask(command) if secret and not self._show_secrets else _hex(command)

    def _answer(self, event: Answered) -> Document:
        sent, response = event.sent, event.response
        return {
            "event": "command",
            "name": sent.name,
            "purpose": sent.purpose,
            "environment": sent.environment.value,
            "command": self._command(bytes(sent.command), secret=sent.secret),
            "response": _hex(response.data),
            "sw": str(response.sw),
            "meaning": response.sw.meaning,
            "items": lines_data(explain_answer(sent.environment, sent.command, response.data)),
            "exchanges": self._exchanges,
        }


def _host(event: HostAsked) -> Document:
    answer = event.answer
    return {
        "event": "host",
        "message": event.message.kind.name.lower(),
        "items": lines_data(explain_ber(event.message.chip_data)),
        "reached": answer is not None,
        "response_code": "" if answer is None else answer.arc,
        "cryptogram": "" if answer is None else answer.cryptogram.value,
        "reason": "" if answer is None else answer.reason,
        "chip_data": "" if answer is None else _hex(answer.chip_data),
    }


def _social_host(event: SocialHostAsked) -> Document:
    return {
        "event": "social-host",
        "message": type(event.message).__name__,
        "fields": plain_fields(event.message),
        "reached": event.answer is not None,
        "answer": None if event.answer is None else type(event.answer).__name__,
        "answer_fields": None if event.answer is None else plain_fields(event.answer),
    }


def _stored(change: Keep | Discard) -> Document:
    content = dict(change.content) if isinstance(change, Keep) else None
    return {"event": "storage", "shelf": change.shelf.value, "key": change.key, "content": content}
