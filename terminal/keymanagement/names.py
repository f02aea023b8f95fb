"""Names of keys in stores, beside those of SSSE, which are named by cipher and by the standard (`kinds.suite_name`)."""

from typing import Final

from cardsim.making.keyservice import CARD_MASTER, TRANSPORT

TRANSPORT_KEY: Final = TRANSPORT
"""Transport key of the maker's batch of blank cards."""
CARD_MASTER_ROOT: Final = CARD_MASTER
"""Root of the card master keys: each card's is derived from it by the serial number of the chip (PERSO-034)."""
SOCIAL_PIN: Final = "initial PIN"
"""First PIN of SSSE; digits."""
KMC: Final = "kmc"
MDK_AC: Final = "MDK_AC"
MDK_MAC: Final = "MDK_MAC"
MDK_ENC: Final = "MDK_ENC"
OFFLINE_PIN: Final = "offline PIN"
"""First PIN that the payment application checks itself; digits (D35)."""
ICC_SEED: Final = "icc seed"
"""From it the HSM makes the RSA key of each card, by order: the same order gets the same key, whoever asks."""
