"""Electronic deposit and purse (电子存折, 电子钱包, JR/T 0025.2): load and purchase, which this card does not offer.

Its session keys and MACs are those of medical transactions (SSC part 7 §11, §12), so the same functions give them.
"""

from cardsim.crypto import medical
from cardsim.crypto.social import Suite
from tests.crypto.published import VECTORS, Vector, numbers, recomputes


def common(vector: Vector) -> bytes:
    """What every MAC has: amount, type, terminal number."""
    return vector.data("amount") + vector.data("type") + vector.data("tid")


def when(vector: Vector) -> bytes:
    """Date and time of host or terminal."""
    return vector.data("date") + vector.data("time")


@recomputes(*numbers("edep_load"))
def test_load(number: int) -> None:
    vector = VECTORS[number]
    key = medical.session(
        Suite.DES, vector.data("dlk"), vector.data("rnd"), vector.data("online_seq"), medical.LOAD_TAIL
    )
    assert key == vector.result("sk")
    assert medical.mac(Suite.DES, key, vector.data("old_balance") + common(vector)) == vector.result("mac1")
    assert ("mac2" in vector.outputs) == ("date" in vector.inputs)
    if "mac2" in vector.outputs:
        assert medical.mac(Suite.DES, key, common(vector) + when(vector)) == vector.result("mac2")


@recomputes(*numbers("edep_purchase"))
def test_purchase(number: int) -> None:
    vector = VECTORS[number]
    sequences = vector.data("rnd"), vector.data("offline_seq"), vector.data("term_seq")
    key = medical.purchase_session(Suite.DES, vector.data("dpk"), *sequences)
    assert key == vector.result("sk")
    assert medical.mac(Suite.DES, key, common(vector) + when(vector)) == vector.result("mac1")
    assert medical.mac(Suite.DES, key, vector.data("amount")) == vector.result("mac2")
