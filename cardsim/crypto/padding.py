"""The 80 00 .. padding of both standards (ISO/IEC 9797-1 method 2, SSC part 4 §8.2 and §8.3) and exclusive or."""


def pad80(data: bytes, block: int = 8) -> bytes:
    """Append 80 and then 00 up to a multiple of `block` bytes; data that fill their blocks get one more block.

    This is the padding of MACs.
    """
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def pad80_if_needed(data: bytes, block: int = 8) -> bytes:
    """Pad as `pad80`, but leave data alone that are a multiple of `block` bytes.

    This is the padding of enciphered data of the social-security application (SSC part 4 §8.3).
    """
    return pad80(data, block) if len(data) % block else data


def unpad80(data: bytes) -> bytes:
    """Take off the last 80 and the 00 behind it.

    Raises:
        ValueError: the data do not end in 80 00 .. 00.
    """
    stripped = data.rstrip(b"\0")
    if not stripped.endswith(b"\x80"):
        raise ValueError("the data do not end in 80 padding")
    return stripped[:-1]


def xor(a: bytes, b: bytes) -> bytes:
    """Exclusive or of two byte strings of the same length.

    Raises:
        ValueError: the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError(f"exclusive or of {len(a)} and {len(b)} bytes")
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")
