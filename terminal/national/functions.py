"""The functions of the national interface under their exact names, on the interface that is current.

    from terminal.national.functions import iReadCardBas, use
    use(interface)
    code, information = iReadCardBas(3)

Each gives the return code and what C callers find in pOutInfo: the result, or on an error its text.
"""

from terminal.national.interface import NationalInterface, Result

_current: list[NationalInterface] = []


class NoInterface(RuntimeError):
    """Nobody has said which interface the functions work on: call `use` first."""


def use(interface: NationalInterface | None) -> None:
    """Make an interface the current one; None takes it away. The one before ends its open sequence."""
    while _current:
        _current.pop().close()
    if interface is not None:
        _current.append(interface)


def _call(name: str, *arguments: int | str) -> Result:
    if not _current:
        raise NoInterface("there is no current interface: call terminal.national.functions.use first")
    return _current[-1].call(name, *arguments)


def iReadCardBas(iType: int) -> Result:
    """Basic information of the card, with the PSAM."""
    return _call("iReadCardBas", iType)


def iReadCardBas_HSM_Step1(iType: int) -> Result:
    """What the HSM is asked for, before the basic information."""
    return _call("iReadCardBas_HSM_Step1", iType)


def iReadCardBas_HSM_Step2(pKey: str) -> Result:
    """Basic information of the card, with the HSM's answer."""
    return _call("iReadCardBas_HSM_Step2", pKey)


def iReadCard(iType: int, iAuthType: int, pCardInfo: str, pFileAddr: str) -> Result:
    """Files and items; iAuthType 1 PIN, 2 key, where either opens a file."""
    return _call("iReadCard", iType, iAuthType, pCardInfo, pFileAddr)


def iReadCard_HSM_Step1(iType: int, pCardInfo: str, pFileAddr: str) -> Result:
    """What the HSM is asked for, before one file is read."""
    return _call("iReadCard_HSM_Step1", iType, pCardInfo, pFileAddr)


def iReadCard_HSM_Step2(pKey: str) -> Result:
    """The file of step 1, with the HSM's answer."""
    return _call("iReadCard_HSM_Step2", pKey)


def iWriteCard(iType: int, pCardInfo: str, pFileAddr: str, pWriteData: str) -> Result:
    """Write files and items."""
    return _call("iWriteCard", iType, pCardInfo, pFileAddr, pWriteData)


def iWriteCard_HSM_Step1(iType: int, pCardInfo: str, pFileAddr: str) -> Result:
    """What the HSM is asked for, before one file is written."""
    return _call("iWriteCard_HSM_Step1", iType, pCardInfo, pFileAddr)


def iWriteCard_HSM_Step2(pKey: str, pWriteData: str) -> Result:
    """Write the file of step 1, with the HSM's answer."""
    return _call("iWriteCard_HSM_Step2", pKey, pWriteData)


def iVerifyPIN(iType: int) -> Result:
    """Ask for the PIN and verify it."""
    return _call("iVerifyPIN", iType)


def iChangePIN(iType: int) -> Result:
    """Ask for the old PIN and twice for the new one, and change it."""
    return _call("iChangePIN", iType)


def iReloadPIN(iType: int, pCardInfo: str) -> Result:
    """Set a new PIN with the keys of the PSAM."""
    return _call("iReloadPIN", iType, pCardInfo)


def iReloadPIN_HSM_Step1(iType: int, pCardInfo: str) -> Result:
    """What the HSM is asked for, before a new PIN is set: the proof of PUK."""
    return _call("iReloadPIN_HSM_Step1", iType, pCardInfo)


def iReloadPIN_HSM_Step2(pKey: str) -> Result:
    """What the HSM is asked for then: the command that sets the new PIN."""
    return _call("iReloadPIN_HSM_Step2", pKey)


def iReloadPIN_HSM_Step3(pKey: str) -> Result:
    """Set the new PIN with the HSM's command."""
    return _call("iReloadPIN_HSM_Step3", pKey)


def iUnblockPIN(iType: int, pCardInfo: str) -> Result:
    """Unblock the PIN with the keys of the PSAM."""
    return _call("iUnblockPIN", iType, pCardInfo)


def iUnblockPIN_HSM_Step1(iType: int, pCardInfo: str) -> Result:
    """What the HSM is asked for, before the PIN is unblocked: the proof of PUK."""
    return _call("iUnblockPIN_HSM_Step1", iType, pCardInfo)


def iUnblockPIN_HSM_Step2(pKey: str) -> Result:
    """What the HSM is asked for then: the command that unblocks the PIN."""
    return _call("iUnblockPIN_HSM_Step2", pKey)


def iUnblockPIN_HSM_Step3(pKey: str) -> Result:
    """Unblock the PIN with the HSM's command."""
    return _call("iUnblockPIN_HSM_Step3", pKey)


def iDoDebit(iType: int, pCardInfo: str, pPayInfo: str) -> Result:
    """Medical purchase with the PSAM."""
    return _call("iDoDebit", iType, pCardInfo, pPayInfo)


def iDoDebit_HSM_Step1(iType: int, pCardInfo: str, pPayInfo: str) -> Result:
    """What the HSM is asked for, before a medical purchase."""
    return _call("iDoDebit_HSM_Step1", iType, pCardInfo, pPayInfo)


def iDoDebit_HSM_Step2(pKey: str) -> Result:
    """The medical purchase of step 1, with the HSM's answer."""
    return _call("iDoDebit_HSM_Step2", pKey)


def iReadDebitRecord(iType: int) -> Result:
    """The purchases that the card remembers, the newest first."""
    return _call("iReadDebitRecord", iType)


iUnlockPIN = iUnblockPIN
"""As the flow charts of the standard write it (API-113)."""

iReadDebit = iReadDebitRecord
"""As the flow charts of the standard write it."""
