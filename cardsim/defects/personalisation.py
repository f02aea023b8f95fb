"""Faults of personalisation: data groupings, keys, issue, further applications, PUT KEY."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cardsim.cos.files import ROOT, FileFlag, FileType
from cardsim.cos.masterkey import KEY_SIZE, MasterKeySet
from cardsim.cos.table import Phase
from cardsim.crypto import pboc, scp02
from cardsim.defects.channel import on_perso
from cardsim.defects.defect import Side, around, nothing, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse import issue
from cardsim.pse.application import (
    DGI_CARD,
    DGI_GPO_CASH,
    DGI_IAD,
    DGI_KCV,
    DGI_KEYS,
    DGI_PIN,
    DGI_PIN_COUNTERS,
    DGI_RISK,
    Application,
)
from cardsim.pse.contents import GROUPINGS, Grouping, Place, grouping
from cardsim.pse.environment import Pse
from cardsim.pse.memory import Channel
from cardsim.pse.perso import Personalisation
from cardsim.pse.rsakey import DGI_RSA

_LAST_BLOCK: Final = 0x80
_UNDER_DEK: Final = 0x60
_KEY_CHECK_SIZE: Final = 3
_LONG: Final = 0xFF
_CDOL2: Final = 0x8D
Change = Callable[[Pse, Personalisation], None]
Groupings = list[tuple[int, bytes]]
Known = list[tuple[Grouping, int, bytes]]

# --- data groupings --------------------------------------------------------------------------------------------------


def _any_block(pse: Pse, perso: Personalisation) -> None:
    def wrap(store: Callable[..., bytes]) -> Callable[..., bytes]:
        return lambda p1, _p2, data: store(p1, pse.ram.channel.block, data)

    around(perso, "_store_data", wrap)


def _known(wrong: Callable[[Personalisation, Callable[[int, Groupings], Known], int, Groupings], Known]) -> Change:
    """Another way to look at the data groupings of one command before they are stored."""

    def change(_pse: Pse, perso: Personalisation) -> None:
        def wrap(known: Callable[[int, Groupings], Known]) -> Callable[[int, Groupings], Known]:
            return lambda p1, groupings: wrong(perso, known, p1, groupings)

        around(perso, "_known", wrap)

    return change


def _as_sent(perso: Personalisation, known: Callable[[int, Groupings], Known], p1: int, groupings: Groupings) -> Known:
    found = known(p1, groupings)
    if p1 & _UNDER_DEK != _UNDER_DEK:
        return found
    dek = perso._session().dek
    return [(row, dgi, scp02.dek_encrypt(dek, text) if dgi == DGI_KEYS else text) for row, dgi, text in found]


def _also_in_clear(
    perso: Personalisation, known: Callable[[int, Groupings], Known], p1: int, groupings: Groupings
) -> Known:
    found: Known = []
    for dgi, content in groupings:
        row = grouping(dgi, Place.APPLICATION)
        if row is not None and row.secret and p1 & _UNDER_DEK != _UNDER_DEK and not len(content) % 8:
            found += known(p1 | _UNDER_DEK, [(dgi, scp02.dek_encrypt(perso._session().dek, content))])
        else:
            found += known(p1, [(dgi, content)])
    return found


def _passed_over(
    _perso: Personalisation, known: Callable[[int, Groupings], Known], p1: int, groupings: Groupings
) -> Known:
    found: Known = []
    for each in groupings:
        try:
            found += known(p1, [each])
        except StatusError as refused:
            if refused.sw != status.WRONG_DATA:
                raise
    return found


def _one_by_one(pse: Pse, perso: Personalisation) -> None:
    def wrap(known: Callable[[int, Groupings], Known]) -> Callable[[int, Groupings], Known]:
        def changed(p1: int, groupings: Groupings) -> Known:
            found: Known = []
            for each in groupings:
                for row, dgi, content in known(p1, [each]):
                    perso._store(pse.application(), row, dgi, content)
                    found.append((row, dgi, content))
                pse.partition.commit()
            return found

        return changed

    around(perso, "_known", wrap)


def _stored(wrong: Callable[[Application, int, bytes], bool], *dgis: int) -> Change:
    """Some data groupings are stored in another way; what is wrong says whether it has stored it."""

    def change(_pse: Pse, perso: Personalisation) -> None:
        def wrap(store: Callable[..., None]) -> Callable[..., None]:
            def changed(application: Application, row: Grouping, dgi: int, content: bytes) -> None:
                if dgi not in dgis or not wrong(application, dgi, content):
                    store(application, row, dgi, content)

            return changed

        around(perso, "_store", wrap)

    return change


def _dropped(_application: Application, _dgi: int, _content: bytes) -> bool:
    return True


def _verbatim(application: Application, dgi: int, content: bytes) -> bool:
    application.store(dgi, content)
    return True


def _always_cut(application: Application, dgi: int, content: bytes) -> bool:
    bare = content.rstrip(b"\x00")
    if bare[-1:] != b"\x80":
        return False
    application.store(dgi, bare[:-1])
    return True


def _blocks(wrong: Callable[[Pse, Callable[..., bytes], int, int, bytes], bytes]) -> Change:
    """STORE DATA as a whole."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(store: Callable[..., bytes]) -> Callable[..., bytes]:
            return lambda p1, p2, data: wrong(pse, store, p1, p2, data)

        around(perso, "_store_data", wrap)

    return change


def _rest_lost(pse: Pse, store: Callable[..., bytes], p1: int, p2: int, data: bytes) -> bytes:
    answer = store(p1, p2, data)
    pse.ram.channel.partial = b""
    return answer


def _long_form_short(pse: Pse, store: Callable[..., bytes], p1: int, p2: int, data: bytes) -> bytes:
    if data[2:3] == bytes((_LONG,)) and not pse.ram.channel.partial:
        data = data[:3] + bytes((0, _LONG)) + data[3:]
    return store(p1, p2, data)


# --- keys ------------------------------------------------------------------------------------------------------------


def _keys_unchecked(_pse: Pse, perso: Personalisation) -> None:
    put(perso, "_keys_checked", lambda _application: True)


def _first_key_checked(_pse: Pse, perso: Personalisation) -> None:
    def checked(application: Application) -> bool:
        keys, checks = application.object(DGI_KEYS), application.object(DGI_KCV)
        return keys is None or checks is None or checks[:_KEY_CHECK_SIZE] == pboc.key_check_value(keys[:KEY_SIZE])

    put(perso, "_keys_checked", checked)


def _put_key_unchecked(pse: Pse, perso: Personalisation) -> None:
    def wrap(put_key: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(p1: int, data: bytes) -> bytes:
            session, body = perso._session(), bytearray(data)
            for at in range(1, len(body) - 21, 22):
                key = scp02.dek_decrypt(session.dek, bytes(body[at + 2 : at + 18]))
                body[at + 19 : at + 22] = pboc.key_check_value(key)
            answer: bytes = put_key(p1, bytes(body))
            pse.ram.channel = Channel()
            return answer

        return changed

    around(perso, "_put_key", wrap)


def _put_key(stored: Callable[[MasterKeySet, MasterKeySet], MasterKeySet]) -> Change:
    """What PUT KEY leaves, made of the old set and of the new one."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(put_key: Callable[..., bytes]) -> Callable[..., bytes]:
            def changed(p1: int, data: bytes) -> bytes:
                old = pse.master.load()
                answer: bytes = put_key(p1, data)
                pse.master.store(stored(old, pse.master.load()))
                pse.partition.commit()
                return answer

            return changed

        around(perso, "_put_key", wrap)

    return change


def _put_key_closed(pse: Pse, perso: Personalisation) -> None:
    _before_issue(pse, perso, "_put_key")


# --- issue -----------------------------------------------------------------------------------------------------------


def _force(pse: Pse, application: Application) -> None:
    """Issue it, whatever there is."""
    pse.files.set_file_flags(application.df, application.df.flags | FileFlag.ISSUED)
    if pse.phase is not Phase.ISSUED:
        pse.files.set_phase(Phase.ISSUED)


def _issues_anything(pse: Pse, perso: Personalisation) -> None:
    put(perso, "_issue", lambda application: _force(pse, application))


def _never_issues(_pse: Pse, perso: Personalisation) -> None:
    put(perso, "_issue", nothing)


def _issues_if(excused: Callable[[issue.Candidate], bool], *causes: str) -> Change:
    """An application is issued although checks fail whose causes begin with these words."""

    def change(pse: Pse, perso: Personalisation) -> None:
        def wrap(really: Callable[[Application], None]) -> Callable[[Application], None]:
            def changed(application: Application) -> None:
                candidate = issue.Candidate(application, pse.files)
                failing = [check.fault.cause for check in issue.CHECKS if not issue._passes(check, candidate)]
                if failing and all(cause.startswith(causes) for cause in failing) and excused(candidate):
                    _force(pse, application)
                else:
                    really(application)

            return changed

        around(perso, "_issue", wrap)

    return change


def _lacks_alone(dgi: int) -> Callable[[issue.Candidate], bool]:
    """Whether of the mandatory data groupings this one alone is missing."""
    mandatory = [dgi for row in GROUPINGS if row.mandatory for dgi in row.dgis]
    return lambda candidate: [each for each in mandatory if candidate.application.object(each) is None] == [dgi]


def _lacks_cdol2(candidate: issue.Candidate) -> bool:
    return not candidate.everywhere(_CDOL2)


def _when_complete(pse: Pse, store: Callable[..., bytes], p1: int, p2: int, data: bytes) -> bytes:
    answer = store(p1, p2, data)
    if not p1 & _LAST_BLOCK and pse.ram.df != ROOT and not pse.ram.channel.partial:
        application = pse.application()
        if issue.refusal(issue.Candidate(application, pse.files)) is None:
            _force(pse, application)
            pse.partition.commit()
    return answer


# --- further applications --------------------------------------------------------------------------------------------


def _before_issue(pse: Pse, perso: Personalisation, name: str) -> None:
    """A command of the channel exists until the first application is issued."""

    def wrap(command: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(*arguments: Any) -> bytes:
            if pse.phase is Phase.ISSUED:
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
            return command(*arguments)

        return changed

    around(perso, name, wrap)


def _first_of(pse: Pse, df: int) -> Application | None:
    """The application that was there first, if this is another one."""
    applications = [file.index for file in pse.files.index.files if file.type is FileType.DF and file.index != ROOT]
    return Application(pse.files, pse.files.index.files[applications[0]]) if df in applications[1:] else None


def _shared(share: Callable[[Application, Application], None]) -> Change:
    """Further applications have something of the first one."""

    def change(pse: Pse, _perso: Personalisation) -> None:
        def wrap(application_of: Callable[[int], Application]) -> Callable[[int], Application]:
            def changed(df: int) -> Application:
                application, first = application_of(df), _first_of(pse, df)
                if first is not None and application.df.issued:
                    share(application, first)
                return application

            return changed

        around(pse, "application_of", wrap)

    return change


def _share_counters(application: Application, first: Application) -> None:
    application.counters_at = first.counters_at


def _share_keys(application: Application, first: Application) -> None:
    def found(dgi: int) -> bytes | None:
        return Application.object(first if dgi == DGI_KEYS else application, dgi)

    put(application, "object", found)


PERSONALISATION: Final = table(
    Side.PSE,
    (
        ("block-number-ignored", "PBOC-PER-009", "STORE DATA takes its blocks in any order.", on_perso(_any_block)),
        ("kcv-not-checked", "PBOC-PER-021", "Keys are not compared with their check values.",
         on_perso(_keys_unchecked)),
        ("put-key-kcv-not-checked", "PBOC-PER-033", "PUT KEY does not compare the keys with their check values.",
         on_perso(_put_key_unchecked)),
        ("issue-incomplete", "PBOC-PER-029", "An application can be issued without its mandatory data.",
         on_perso(_issues_anything)),
        ("never-issued", "PBOC-PER-028", "The last STORE DATA does not issue the application.",
         on_perso(_never_issues)),
        ("s-dek-not-applied", "PBOC-PER-010, PBOC-PER-019", "Card keys under S-DEK are kept as they came.",
         on_perso(_known(_as_sent))),
        ("secrets-in-clear", "PBOC-PER-010", "Keys and PIN are also taken in clear.", on_perso(_known(_also_in_clear))),
        ("unfit-grouping-passed-over", "PBOC-PER-017, PBOC-PER-020",
         "A data grouping without its form or length is passed over and answered 9000.",
         on_perso(_known(_passed_over))),
        ("groupings-stored-one-by-one", "PBOC-PER-011",
         "What stands before a refused data grouping in the same command is stored.", on_perso(_one_by_one)),
        ("pin-counters-ignored", "PBOC-PER-026", "DGI 9010 is accepted and not used.",
         on_perso(_stored(_dropped, DGI_PIN_COUNTERS))),
        ("pin-kept-as-sent", "PBOC-PER-025", "DGI 8010 with the digits alone is kept as it came, without control byte.",
         on_perso(_stored(_verbatim, DGI_PIN))),
        ("cash-options-ignored", "PBOC-PER-015", "DGI 9203 is accepted and not used.",
         on_perso(_stored(_dropped, DGI_GPO_CASH))),
        ("counters-not-begun", "PBOC-PER-018", "9F36, 9F13 and 9F79 of the job do not begin the counters.",
         on_perso(_stored(_verbatim, DGI_RISK, DGI_CARD))),
        ("rsa-padding-always-cut", "PBOC-PER-024",
         "A part of the RSA key loses an 80 at its end although that belongs to it.",
         on_perso(_stored(_always_cut, *DGI_RSA))),
        ("spread-grouping-lost", "PBOC-PER-012", "A data grouping that a block begins is lost with its end.",
         on_perso(_blocks(_rest_lost))),
        ("long-length-short", "PBOC-PER-013", "FF as the length of a data grouping means 255 bytes.",
         on_perso(_blocks(_long_form_short))),
        ("kcv-of-first-key-alone", "PBOC-PER-021", "The check value of the first key alone is compared.",
         on_perso(_first_key_checked)),
        ("issued-when-complete", "PBOC-PER-028, PBOC-PER-010",
         "An application is issued as soon as nothing is missing, before its last block.",
         on_perso(_blocks(_when_complete))),
        ("issue-without-check-values", "PBOC-PER-029", "An application is issued without check values.",
         on_perso(_issues_if(_lacks_alone(DGI_KCV), "a mandatory data grouping"))),
        ("issue-without-issuer-data", "PBOC-PER-029", "An application is issued without issuer application data.",
         on_perso(_issues_if(_lacks_alone(DGI_IAD), "a mandatory data grouping", "issuer application data"))),
        ("issue-without-cdol2", "PBOC-PER-029", "An application is issued without CDOL2.",
         on_perso(_issues_if(_lacks_cdol2, "no record has PAN", "5A, 5F24, 8C or 8D", "CDOL2"))),
        ("rsa-parts-unchecked", "PBOC-PER-022", "An application is issued with an RSA key whose parts do not fit.",
         on_perso(_issues_if(lambda _candidate: True, "the parts of the RSA key", "DDA or CDA"))),
        ("further-application-refused", "PBOC-PER-030, D7", "After the first issue no further application is created.",
         on_perso(lambda pse, perso: _before_issue(pse, perso, "_create"))),
        ("further-application-not-filled", "PBOC-PER-030, D7",
         "After the first issue STORE DATA ends for all applications.",
         on_perso(lambda pse, perso: _before_issue(pse, perso, "_store_data"))),
        ("applications-share-keys", "PBOC-PER-019, D7", "A further application computes with the keys of the first.",
         on_perso(_shared(_share_keys))),
        ("applications-share-counters", "PBOC-PER-018, D7",
         "A further application counts in the counters of the first.",
         on_perso(_shared(_share_counters))),
        ("put-key-keeps-old", "PBOC-PER-033", "PUT KEY answers 9000 and changes nothing.",
         on_perso(_put_key(lambda old, _new: old))),
        ("put-key-version-stays", "PBOC-PER-033", "PUT KEY keeps the old key version.",
         on_perso(_put_key(lambda old, new: replace(new, version=old.version)))),
        ("put-key-drops-keydata", "PBOC-PER-002, PBOC-PER-033", "PUT KEY sets KEYDATA to zeros.",
         on_perso(_put_key(lambda _old, new: replace(new, keydata=bytes(len(new.keydata)))))),
        ("put-key-closed-by-issue", "PBOC-PER-033, D7", "PUT KEY ends with the first issue.",
         on_perso(_put_key_closed)),
    ),
)  # fmt: skip
"""Faults of personalisation."""
