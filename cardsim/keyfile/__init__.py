"""The key file: the test keys and certificates that terminals and hosts need for one card (TOML, mode 0600).

`cardsim new` writes it beside the image as IMAGE.keys.toml; a person may write one for a physical card. Schema, every
table but the first two lines optional; key values are hex:

    format = "cardsim-keys"
    version = 1

    [card]                      # keys of the card itself, for personalisation
    transport = "…"             # 16 bytes
    master = "…"                # card master key, 16 bytes

    [ssse]                      # social-security environment
    suite = "sm4"               # "des" or "sm4"
    area = "519900"             # area code of the issuing place, six digits
    master = "…"                # environment master key, 16 bytes (optional)
    medical_type = "ascii"      # "ascii" or "binary": transaction type 31, 32 or 01, 02 in medical MACs (optional)
    command = "ask-hsm --slot 2"  # asks an HSM for keys that are neither in keys nor in roots (optional): it is run
                                # with the key's name, suite, area code and historical bytes (hex) as further words
                                # and prints the card's key in hex

    [ssse.roots]                # national root keys, from which the card's keys are derived (STD-9 §7.3)
    IRK = "…"                   # names as in the standard: IRK, RKSSSE, UKSSSE, STKSSSE, PUK, BK, UK1DF01, …
    "IRK.2" = "…"               # the second of its generations; a terminal names it by version byte 02

    [ssse.keys]                 # keys of this very card; they win over roots
    IRK = "…"

    [pse]                       # payment environment, for personalisation
    kmc = "…"                   # personalisation master key, 16 bytes
    key_version = 1
    keydata = "…"               # KEYDATA of INITIALIZE UPDATE, 10 bytes

    [bank]                      # the issuer's host
    mdk_ac = "…"                # issuer master keys, 16 bytes each
    mdk_mac = "…"
    mdk_enc = "…"

    [[bank.ca]]                 # public keys of certification authorities, as many as wanted
    rid = "A000000333"
    index = "F1"                # tag 8F
    modulus = "…"
    exponent = "03"
    expires = 2049-12-31        # a TOML date, optional

    [holder]                    # what the invented holder knows, and what hosts know of him (all optional)
    name = "…"
    number = "…"                # social-security number (社会保障号码), which is the identity number
    card = "…"                  # card identification code (卡的识别码), 16 bytes
    card_number = "…"           # social-security card number (卡号)
    historical = "…"            # historical bytes of the card's ATR, 13 bytes
    pin = "123456"              # social-security PIN
    offline_pin = "123456"      # PIN that the payment application checks itself (optional)
    online_pin = "123456"       # PIN that the bank's host checks (optional: the host then takes any)

    [psam]                      # a PSAM of our own making
    area = "519900"             # area code of the issuing city
    terminal = "519900000428"   # terminal number, twelve digits
    transport = "…"             # 16 bytes (optional)

    [[psam.environments]]       # its own keys in each environment, 16 bytes each
    fid = "3F00"
    suite = "des"
    master = "…"                # environment master key
    application = "…"           # application master key
    national = "…"              # KID-01, which opens key file 11; provincial KID-02, city KID-03
    provincial = "…"
    city = "…"

    [psam.environments.roots]   # national root keys of what it holds, by name, as under [ssse.roots]
    IRK = "…"

No message of this module holds a key or PIN value.
"""

from cardsim.keyfile.reading import load_keyfile
from cardsim.keyfile.values import (
    FORMAT,
    VERSION,
    BankKeys,
    CaKey,
    CardKeys,
    Holder,
    KeyFile,
    KeyFileError,
    PsamEnvironmentKeys,
    PsamKeys,
    PseKeys,
    SsseKeys,
    default_keyfile_path,
    generation_name,
)
from cardsim.keyfile.writing import render_keyfile, write_keyfile

__all__ = [
    "FORMAT",
    "VERSION",
    "BankKeys",
    "CaKey",
    "CardKeys",
    "Holder",
    "KeyFile",
    "KeyFileError",
    "PsamEnvironmentKeys",
    "PsamKeys",
    "PseKeys",
    "SsseKeys",
    "default_keyfile_path",
    "generation_name",
    "load_keyfile",
    "render_keyfile",
    "write_keyfile",
]
