"""Sealed files, and the keys that they are sealed under."""

import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.rsakeys import DeviceKey, Partner, SoftwareKey
from terminal.perso.transfer.sealing import Kind, seal, unseal
from terminal.perso.transfer.sharedkeys import SharedKey
from tests.terminal.perso.transfer.parties import NOW, PASSWORD, batch, key

CONTENT = batch()


def _sealed(content: bytes = CONTENT) -> bytes:
    return seal(content, "519902-01", Kind.BATCH, 2, key("department"), key("bank").partner, NOW)


def test_sealed_and_opened() -> None:
    """PERSO-057, PERSO-061: sealed with the receiver's public key, opened with its private one, it is as it was."""
    sealed = _sealed()
    header, content = unseal(sealed, key("bank"), key("department").partner, NOW)
    assert content == CONTENT
    assert (header.name, header.kind, header.count) == ("519902-01", Kind.BATCH, 2)
    assert (header.sender, header.receiver, header.made) == ("department", "bank", NOW)
    assert b"519902" not in sealed


def test_the_sender_cannot_open_it() -> None:
    """PERSO-061: only who has made the pair opens; the issuer, who sealed it, cannot."""
    with pytest.raises(TransferError, match="not sealed for department"):
        key("department").open(_sealed())


def test_any_openssl_opens_it(tmp_path: Path) -> None:
    """PERSO-057: it is CMS as `openssl cms -decrypt` reads it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    key("bank").save(tmp_path / "bank.pem", PASSWORD)
    (tmp_path / "sealed").write_bytes(_sealed())
    argv = [openssl, "cms", "-decrypt", "-inform", "DER", "-in", "sealed", "-inkey", "bank.pem", "-recip", "bank.pem"]
    done = subprocess.run(
        [*argv, "-passin", f"pass:{PASSWORD}"], cwd=tmp_path, capture_output=True, check=False, timeout=20
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(b"\n", 2)[2] == CONTENT


@pytest.mark.parametrize("clear", [CONTENT, b"", b"\x30\x80", b"CARDTERM-TRANSFER 1 {}\n\n"])
def test_clear_files_are_refused(clear: bytes) -> None:
    """PERSO-056: what comes in clear is rejected."""
    with pytest.raises(TransferError):
        unseal(clear, key("bank"), key("department").partner, NOW)


def test_changed_on_its_way() -> None:
    """No byte of a sealed file can be changed, left out or cut off without being noticed."""
    sealed = _sealed(b"short")
    for place in range(0, len(sealed), 5):
        changed = bytearray(sealed)
        changed[place] ^= 1
        for bad in (bytes(changed), sealed[:place]):
            try:
                header, content = unseal(bad, key("bank"), key("department").partner, NOW)
            except TransferError:
                continue
            # Some bytes of the envelope carry no meaning; what is inside is as it was signed.
            assert (header.name, content) == ("519902-01", b"short")


def test_signed_by_someone_else() -> None:
    """A file is taken from its sender alone, and by its receiver alone."""
    forged = seal(CONTENT, "a", Kind.BATCH, 2, key("maker"), key("bank").partner, NOW)
    with pytest.raises(TransferError, match="not signed by department"):
        unseal(forged, key("bank"), key("department").partner, NOW)
    passed_on = key("maker").partner.enclose(key("bank").open(_sealed()))
    with pytest.raises(TransferError, match="from department for bank"):
        unseal(passed_on, key("maker"), key("department").partner, NOW)
    inside = key("bank").open(_sealed())
    with pytest.raises(TransferError, match="not the content"):
        unseal(key("bank").partner.enclose(inside + b" "), key("bank"), key("department").partner, NOW)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "批次", ".hidden", "x" * 101, "a\n"])
def test_names(name: str) -> None:
    """A name is a file's name everywhere."""
    with pytest.raises(TransferError, match="no name"):
        seal(b"", name, Kind.LIST, 0, key("department"), key("bank").partner, NOW)


def test_short_keys() -> None:
    """PERSO-058: RSA of 1024 bits and symmetric keys of 64 bits are refused, more are taken."""
    with pytest.raises(TransferError, match="more than 1024"):
        SoftwareKey.generate("bank", NOW, 1024)
    with pytest.raises(TransferError, match="128 bits, not 64"):
        SharedKey.of("bank", "maker", NOW, bytes(8))
    with pytest.raises(TransferError, match="an AES key has"):
        SharedKey.of("bank", "maker", NOW, bytes(17))
    assert SharedKey.generate("bank", "maker", NOW, 128).own == "bank"


def test_a_short_key_of_a_partner(monkeypatch: pytest.MonkeyPatch) -> None:
    """PERSO-058: nothing is sealed for a partner whose certificate has a key of 1024 bits."""
    monkeypatch.setattr("terminal.perso.transfer.keys.MORE_THAN", 512)
    weak = SoftwareKey.generate("maker", NOW, 1024).partner
    monkeypatch.undo()
    with pytest.raises(TransferError, match="1024 bits"):
        seal(b"", "a", Kind.LIST, 0, key("bank"), weak, NOW)


@pytest.mark.parametrize(
    ("later", "works"), [(timedelta(days=5 * 365), True), (timedelta(days=5 * 365 + 2), False)]
)  # fmt: skip
def test_life(later: timedelta, works: bool) -> None:
    """PERSO-059: a transport key lives five years; then it is refused, and renewal is demanded."""
    shared, sealed = SharedKey.generate("bank", "maker", NOW), _sealed()
    uses = (
        lambda: seal(b"", "a", Kind.LIST, 0, key("bank"), key("maker").partner, NOW + later),
        lambda: seal(b"", "a", Kind.LIST, 0, shared, shared, NOW + later),
        lambda: unseal(sealed, key("bank"), key("department").partner, NOW + later),
    )
    for use in uses:
        if works:
            use()
            continue
        with pytest.raises(TransferError, match="ended on 2031-11-22 after 5 years; renew it"):
            use()


def test_a_key_of_29_february() -> None:
    """It ends on 28 February."""
    made = datetime(2024, 2, 29)
    shared = SharedKey.generate("bank", "maker", made)
    shared.usable(datetime(2029, 2, 27))
    with pytest.raises(TransferError):
        shared.usable(datetime(2029, 2, 28))
    with pytest.raises(TransferError, match="check the clock"):
        shared.usable(datetime(2024, 2, 1))


def test_symmetric(tmp_path: Path) -> None:
    """PERSO-060, PERSO-062: a symmetric key goes point to point under a password, and works as a pair does."""
    own = SharedKey.generate("department", "bank", NOW)
    own.export(tmp_path / "key", PASSWORD)
    other = SharedKey.take(tmp_path / "key", PASSWORD, "bank")
    sealed = seal(CONTENT, "x", Kind.BATCH, 2, own, own, NOW)
    assert unseal(sealed, other, other, NOW)[1] == CONTENT
    with pytest.raises(TransferError, match="not signed by bank"):
        unseal(sealed, own, own, NOW)  # its own file, sent back to it
    for length in range(0, len(sealed), 11):
        with pytest.raises(TransferError):
            unseal(sealed[:length], other, other, NOW)


def test_exchange_of_a_symmetric_key(tmp_path: Path) -> None:
    """PERSO-060: without a password, under a wrong one, for another party or in clear it is refused."""
    own = SharedKey.generate("department", "bank", NOW)
    path = tmp_path / "key"
    with pytest.raises(TransferError, match="password"):
        own.export(path, "")
    own.export(path, PASSWORD)
    assert path.stat().st_mode & 0o077 == 0
    for password, party, told in (
        ("", "bank", "password"), ("wrong horse", "bank", "under this password"), (PASSWORD, "maker", "meant for bank"),
    ):  # fmt: skip
        with pytest.raises(TransferError, match=told):
            SharedKey.take(path, password, party)
    path.write_text(path.read_text().replace('"bank"', '"maker"'))
    with pytest.raises(TransferError, match="under this password"):
        SharedKey.take(path, PASSWORD, "maker")
    path.write_bytes(bytes(16))
    with pytest.raises(TransferError, match="clear keys are not taken"):
        SharedKey.take(path, PASSWORD, "bank")


def test_pairs_in_files(tmp_path: Path) -> None:
    """PERSO-062: a pair of software rests under a password that only the owner may read; its certificate goes out."""
    path = tmp_path / "bank.pem"
    key("bank").save(path, PASSWORD)
    key("bank").partner.save(tmp_path / "bank.crt")
    assert path.stat().st_mode & 0o077 == 0
    assert SoftwareKey.load(path, PASSWORD).open(_sealed())
    assert Partner.load(tmp_path / "bank.crt").party == "bank"
    with pytest.raises(TransferError, match="password"):
        key("bank").save(path, "short")
    for wrong in ("", "wrong horse"):
        with pytest.raises(TransferError, match="under this password"):
            SoftwareKey.load(path, wrong)
    (tmp_path / "no.crt").write_text("no certificate")
    with pytest.raises(TransferError, match="no certificate in PEM"):
        Partner.load(tmp_path / "no.crt")
    with pytest.raises(TransferError, match="No such file"):
        Partner.load(tmp_path / "none")


def test_pairs_in_devices() -> None:
    """PERSO-062: a pair in a device works in the same way, behind its PIN, and locks after three wrong ones."""
    device = DeviceKey(key("bank"), "246810")
    with pytest.raises(TransferError, match="nobody is logged in"):
        unseal(_sealed(), device, key("department").partner, NOW)
    with pytest.raises(TransferError, match="2 tries"):
        device.log_in("000000")
    device.log_in("246810")
    assert unseal(_sealed(), device, key("department").partner, NOW)[1] == CONTENT
    answer = seal(b"", "a", Kind.LIST, 0, device, key("department").partner, NOW)
    assert unseal(answer, key("department"), device.partner, NOW)[0].sender == "bank"
    device.log_out()
    for _ in range(3):
        with pytest.raises(TransferError, match="wrong PIN"):
            device.log_in("1")
    with pytest.raises(TransferError, match="locked"):
        device.log_in("246810")


def test_nothing_secret_is_shown() -> None:
    """Keys stand in no repr."""
    shared = SharedKey.of("bank", "maker", NOW, b"\xab" * 16)
    assert "_value" not in repr(shared)
    assert "_key" not in repr(key("bank"))
