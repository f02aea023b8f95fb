"""The payment application a second time: what the sources say that a card answers, and nothing of how cardsim does it.

Written from the fact sheet (§1.4-1.14, 2, 9, 10), the catalogue and the decisions alone, before the card's own code was
read, so that both can be wrong, but hardly in the same way. It keeps state and counters, and says status words, card
verification results, advice, issuer discretionary data, log and data objects; cryptograms are checked with pyemv. It
imports nothing of the card.
"""

from dataclasses import dataclass
from typing import Final

from tests.pse import deal
from tests.pse.deal import AAC, ARQC, CDA, TC, Data
from tests.pse.oracle_state import AMOUNTS, Expected, Phase, Remembered, Run, Script

SDA_PROMISED, DDA_PROMISED, ISSUER_PROMISED, CDA_PROMISED = 0x4000, 0x2000, 0x0400, 0x0100
AFL: Final = {False: "080102001001050018010201", True: "0801020010010200100507001802020018030301"}
FCI: Final = (
    "6F348408A000000333010101A528500A50424F432044454249548701019F38099F7A019F02065F2A025F2D027A68BF0C059F4D020B0A"
)
LOG_FORMAT: Final = "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602"
APPROVALS: Final = frozenset({b"00", b"10", b"11", b"01", b"02"})
UNABLE: Final = frozenset({b"Y3", b"Z3"})
MADE_BY_TERMINAL: Final = frozenset({b"Y1", b"Z1", b"Y2", b"Z2"})
WRITABLE: Final = AMOUNTS | {"9F53", "9F58", "9F59", "9F72"}
NO_LIMIT: Final = 0xFF

# Application default action, 9F52 (fact sheet §1.7).
FAILED_LAST_ONLINE, FAILED_DECLINES, MISSING_DECLINES, ADVICE = 0x8000, 0x4000, 0x2000, 0x1000
PIN_ADVICE, ISSUER_ADVICE, NEW_ONLINE, NEW_UNABLE_DECLINES = 0x0800, 0x0400, 0x0200, 0x0100
PIN_NOW_BLOCKS, PIN_DECLINES, PIN_ONLINE, PIN_UNABLE_DECLINES = 0x80, 0x40, 0x20, 0x10
SCRIPT_ONLINE, PIN_BLOCKS = 0x08, 0x04


@dataclass(slots=True)
class Oracle(Remembered):
    """One card, and what it answers to each command."""

    # --- before the cryptogram ---------------------------------------------------------------------------------------

    def select(self) -> str:
        """SELECT of the application by its name."""
        if self.card_blocked:
            return "6A81"
        self.run = Run()
        return "6283" if self.blocked else FCI + "9000"

    def gpo(self, wish: int, amount: str, currency: str, head: str = "0B8309") -> str:
        """GET PROCESSING OPTIONS with values of the PDOL; `head` is Lc, template and its length."""
        if self.run.phase is not Phase.SELECTED:
            return "6985"
        if head != "0B8309":
            return "6A80" if head.startswith("0B") else "6700"
        if self.number("9F36") == 0xFFFE:
            self.blocked = True
            return "6985"
        self.values["9F36"] = f"{self.number('9F36') + 1:04X}"
        cash = (
            wish == 1
            and currency == self.values["9F51"]
            and amount.isdecimal()
            and int(amount) <= min(self.number("9F79"), self.number("9F78"))
            and not self.marks & (deal.AUTHENTICATION_FAILED_LAST | deal.SCRIPT_FAILED)
            and not self.exhausted
        )
        aip = self.made.cash_aip if cash else self.made.aip
        self.run = Run(Phase.INITIATED, cash, aip, (amount, currency))
        body = f"{aip:04X}{AFL[cash]}"
        return f"80{len(body) // 2:02X}{body}9000"

    def get(self, tag: str) -> str:
        """GET DATA; the value or a status word."""
        if tag == "9F17" and self.pin:
            return f"{self.tries:02X}"
        return LOG_FORMAT if tag == "9F4F" else self.values.get(tag, "6A88")

    def verify(self, block: str) -> str:
        """VERIFY with a PIN block of eight bytes."""
        run = self.run
        if run.phase is not Phase.INITIATED or not self.pin:
            return "6985"
        again, run.verified = run.verified, True
        right = block == f"2{len(self.pin):X}{self.pin}".ljust(16, "F")
        run.cvr = (run.cvr | deal.PIN_PERFORMED) & ~deal.PIN_FAILED
        if self.tries and right:
            self.tries = self.made.limit
            return "9000"
        run.cvr |= deal.PIN_FAILED
        if not self.tries:
            run.cvr |= deal.PIN_EXCEEDED
            return "6983" if again else "6984"
        self.tries -= 1
        if not self.tries:
            run.cvr |= deal.PIN_EXCEEDED
            if self.asks(PIN_NOW_BLOCKS):
                self.blocked = True
                run.cvr |= deal.PIN_BLOCKED
        return f"63C{self.tries:X}"

    def internal(self, length: int) -> str:
        """INTERNAL AUTHENTICATE; the status word."""
        if self.run.phase is not Phase.INITIATED or not self.run.aip & DDA_PROMISED:
            return "6985"
        if length != 4:
            return "6700"
        self.run.cvr |= deal.DDA_PERFORMED
        return "9000"

    # --- GENERATE AC -------------------------------------------------------------------------------------------------

    def generate(self, p1: int, data: Data, code: bytes | None) -> Expected | str:
        """GENERATE AC with the values of CDOL1, or with those of CDOL2 where there is a response code."""
        second, wish = self.run.phase is Phase.ONLINE, p1 & 0xC0
        if p1 & 0x2F or wish == 0xC0:
            return "6A86"
        if not second and self.run.phase is not Phase.INITIATED:
            return "6985"
        if (p1 & CDA and not self.run.aip & CDA_PROMISED) or (second and wish == ARQC):
            return "6985"
        if second != (code is not None):
            return "6700"
        advice = 0
        if code is None:
            kind = self._first(wish, data)
        elif code in UNABLE:
            kind = self._unable(wish, data, code)
        else:
            kind, advice = self._answered(wish, code)
        signed = bool(p1 & CDA) and kind != AAC
        self.run.cvr |= deal.DDA_PERFORMED if signed else 0
        if kind == TC:
            self._write_log()
        elif kind == AAC:
            kind = self._advice(advice)
        return Expected(kind, self.number("9F36"), self.run.cvr, self.idd(), signed)

    def _advice(self, found: int) -> int:
        exceeded = deal.PIN_FAILED | deal.PIN_EXCEEDED
        if self.asks(PIN_ADVICE) and self.run.cvr & exceeded == exceeded:
            return 0x0A
        return 0x08 if self.asks(ADVICE) else found

    def _first(self, wish: int, data: Data) -> int:
        run = self.run
        run.first = data
        shown = (run.aip & SDA_PROMISED and deal.SDA_FAILED_LAST) | (run.aip & DDA_PROMISED and deal.DDA_FAILED_LAST)
        run.cvr |= self.marks & shown
        if run.cash:
            same = run.told == (f"{data.amount:012d}", data.currency)
            decision = AAC if wish == TC and not same else TC
        else:
            decision = self._risk(data)
        kind = AAC if AAC in (wish, decision) or self.blocked else max(wish, decision)
        run.cvr |= 0x800000 | {AAC: 0, TC: 0x100000, ARQC: 0x200000}[kind]
        run.phase = Phase.ONLINE if kind == ARQC else Phase.OFFLINE
        if kind == ARQC:
            self.marks |= deal.NOT_COMPLETED
            return kind
        if kind == AAC:
            self._remember(data)
            run.unblocking = self.blocked or self.exhausted
        elif run.cash:
            self.values["9F79"] = f"{self.number('9F79') - data.amount:012d}"
        else:
            self.marks &= ~deal.NOT_COMPLETED
            self._add(data)
        if not run.cash:
            self._count(data)
        return kind

    def _risk(self, data: Data) -> int:
        """Card risk management of the standard path (fact sheet §1.12, 3 to 8); the card's decision."""
        marks, promised = self.marks, bool(self.run.aip & ISSUER_PROMISED)
        exceeded = self.exhausted and not self.run.verified
        checks = (
            (deal.NOT_COMPLETED, marks & deal.NOT_COMPLETED, True),
            (deal.AUTHENTICATION_FAILED_LAST, promised and marks & 0x0800, self.asks(FAILED_LAST_ONLINE)),
            (deal.SCRIPT_FAILED, marks & deal.SCRIPT_FAILED, self.asks(SCRIPT_ONLINE)),
            (deal.VELOCITY, self._velocity(data), True),
            (deal.NEW_CARD, self.number("9F13") == 0, self.asks(NEW_ONLINE)),
            (deal.PIN_EXCEEDED, exceeded, self.asks(PIN_ONLINE)),
        )
        self.run.cvr |= self.scripts << 4 | sum(bit for bit, holds, _ in checks if holds)
        if exceeded and self.asks(PIN_BLOCKS):
            self.blocked = True
            self.run.cvr |= deal.PIN_BLOCKED
        if exceeded and self.asks(PIN_DECLINES | PIN_BLOCKS):
            return AAC
        return ARQC if any(holds and online for _, holds, online in checks) else TC

    def _velocity(self, data: Data) -> bool:
        domestic, limit = data.currency == self.values["9F51"], self.number("9F54")
        return (
            self._since_online() > self.number("9F58") != NO_LIMIT
            or (not domestic and self.currency_count + 1 > self.number("9F53"))
            or (data.country != self.values["9F57"] and self.country_count + 1 > self.number("9F72"))
            or (domestic and limit != 0 and self.total + data.amount > limit)
        )

    def _since_online(self) -> int:
        return self.number("9F36") - self.number("9F13")

    def _unable(self, wish: int, data: Data, code: bytes) -> int:
        """Second cryptogram of a transaction that could not go online."""
        run, declined = self.run, wish == AAC or code == b"Z3" or self.blocked
        run.cvr |= deal.UNABLE_ONLINE
        limit = self.number("9F5C")
        if self._since_online() > self.number("9F59") != NO_LIMIT or 0 < limit < self.total + data.amount:
            run.cvr |= deal.VELOCITY
            declined = True
        if self.number("9F13") == 0:
            run.cvr |= deal.NEW_CARD
            declined |= self.asks(NEW_UNABLE_DECLINES)
        if self.exhausted and not run.verified:
            run.cvr |= deal.PIN_EXCEEDED
            declined |= self.asks(PIN_UNABLE_DECLINES)
        kind = self._closed(declined)
        self._count(data)
        if kind == AAC:
            self._remember(data)
        else:
            self._add(data)
        return kind

    def _answered(self, wish: int, code: bytes) -> tuple[int, int]:
        """Second cryptogram of a transaction that the issuer has answered; type, and advice because of the issuer."""
        run, failed = self.run, self.run.issuer == b""
        unproved = run.issuer is None and bool(run.aip & ISSUER_PROMISED)
        missing = unproved and bool(self.number("9F56") & 0x80)
        run.cvr |= deal.AUTHENTICATION_MISSING if unproved else 0
        self.marks |= deal.AUTHENTICATION_FAILED_LAST if missing else 0
        approved = wish == TC and code in APPROVALS and (not run.issuer or run.issuer in APPROVALS) and not self.blocked
        refused = (missing and self.asks(MISSING_DECLINES)) or (failed and self.asks(FAILED_DECLINES))
        kind = self._closed(not approved or refused)
        if not (missing or failed) and (run.issuer or code not in MADE_BY_TERMINAL):
            self.scripts = 0
            self.marks &= deal.AUTHENTICATION_FAILED_LAST | (deal.SCRIPT_FAILED if run.script_failed else 0)
            if kind == TC:
                self.total = self.currency_count = self.country_count = 0
                self.values["9F13"] = self.values["9F36"]
        return kind, 0x08 if approved and refused and self.asks(ISSUER_ADVICE) else 0

    def _closed(self, declined: bool) -> int:
        self.run.phase = Phase.COMPLETED
        self.run.cvr = self.run.cvr & ~0xC00000 | (0 if declined else 0x400000)
        return AAC if declined else TC

    def _remember(self, data: Data) -> None:
        tvr = int(data.tvr[:2], 16)
        self.marks |= (tvr & 0x40 and deal.SDA_FAILED_LAST) | (tvr & 0x0C and deal.DDA_FAILED_LAST)

    def _add(self, data: Data) -> None:
        self.total += data.amount if data.currency == self.values["9F51"] else 0

    def _count(self, data: Data) -> None:
        self.currency_count += data.currency != self.values["9F51"]
        self.country_count += data.country != self.values["9F57"]

    def _write_log(self) -> None:
        one = self.run.first
        amounts = f"{one.amount:012d}{one.other:012d}"
        record = one.date + one.time + amounts + one.country + one.currency + one.merchant + one.type
        self.log = [record + self.values["9F36"], *self.log][:10]

    # --- the issuer's side -------------------------------------------------------------------------------------------

    def external(self, code: bytes, *, right: bool, length: int = 10) -> str:
        """EXTERNAL AUTHENTICATE."""
        run = self.run
        if length != 10:
            return "6700"
        if run.phase is not Phase.ONLINE or not run.aip & ISSUER_PROMISED:
            return "6985"
        again = run.issuer is not None
        if again or not right:
            run.issuer = b""
            run.cvr |= deal.AUTHENTICATION_FAILED
            self.marks |= deal.AUTHENTICATION_FAILED_LAST
            return "6985" if again else "6300"
        run.issuer = code
        self.marks &= ~deal.AUTHENTICATION_FAILED_LAST
        return "9000"

    def script(self, command: Script) -> str:
        """One command of an issuer script."""
        run = self.run
        if not (run.phase in (Phase.ONLINE, Phase.COMPLETED) or run.unblocking) or run.mac_error:
            return "6985"
        if run.phase is Phase.COMPLETED:
            self.scripts = (self.scripts + 1) % 16
        answer = self._executed(command)
        if answer != "9000":
            self.marks |= deal.SCRIPT_FAILED
            run.script_failed = True
        return answer

    def _executed(self, command: Script) -> str:
        if not command.length_ok:
            return "6700"
        if not command.mac_ok:
            self.run.mac_error = True
            return "6988"
        match command.header[:2]:
            case "24":
                return self._pin(command)
            case "DA":
                return self._put(command.header[2:], command.value)
            case "DC":
                return self._update(command.header[2:], command.value)
            case "16":
                self.card_blocked = True
            case instruction:
                self.blocked = instruction == "1E"
        return "9000"

    def _pin(self, command: Script) -> str:
        if not self.pin:
            return "6985"
        if command.header != "240000":
            if not command.pin:
                return "6A80"
            self.pin = command.pin
        self.tries = self.made.limit
        return "9000"

    def _put(self, tag: str, value: str) -> str:
        if tag not in WRITABLE:
            return "6A80"
        if len(value) != len(self.values[tag]):
            return "6700"
        above = tag == "9F79" and value.isdecimal() and int(value) > self.number("9F77")
        if above or (tag in AMOUNTS and not value.isdecimal()):
            return "6A80"
        self.values[tag] = value
        return "9000"

    def _update(self, where: str, record: str) -> str:
        if where not in self.records or len(record) > len(self.records[where]):
            return "6A83"
        self.records[where] = record
        return "9000"
