"""How deep the arrays and maps of a MessagePack message nest, before anybody builds them.

The format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

LIMIT = 64  # arrays and maps within each other; the same on both sides of a link

# the whole size of an item that says it in its first byte; 0 for all others
_SIZES = [0] * 256
_SIZES[0x00:0x80] = [1] * 128  # small ints
_SIZES[0xA0:0xC0] = range(1, 33)  # short strings
_SIZES[0xC0:0xC4] = [1] * 4  # nil, (unused), false, true
_SIZES[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]  # floats, ints
_SIZES[0xD4:0xD9] = [3, 4, 6, 10, 18]  # extensions of fixed size
_SIZES[0xE0:0x100] = [1] * 32  # small negative ints

# first byte of what has its length behind it -> (bytes of the length, bytes besides)
_LENGTHS = {
    **{0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0)},  # bytes
    **{0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)},  # strings
    **{0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)},  # extensions, with their type
}

# first byte of an array or map with a count behind it -> (bytes of the count, items each)
_COUNTS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}

_ITEMS = [*range(0, 32, 2), *range(16)]  # of a small map (a key and a value each), a small array
_OPENING = {*range(0x80, 0xA0), *_COUNTS}
_OTHERS = bytes(byte for byte in range(256) if byte not in _OPENING)


def nests_too_deep(data: bytes) -> bool:
    """True if more than `LIMIT` arrays and maps in the message stand within each other.

    Looks only at the first item.  One that is cut short or malformed is judged up to there: what
    is wrong with it is for the decoder to say.  Never raises; a claimed count costs no memory.

    >>> nests_too_deep(b"\\x91" * 64 + b"\\xc0"), nests_too_deep(b"\\x91" * 65 + b"\\xc0")
    (False, True)
    """
    if len(data) <= LIMIT or len(data.translate(None, _OTHERS)) <= LIMIT:
        return False
    return _walk(data)


def _walk(data: bytes) -> bool:
    at, end = 0, len(data)
    left = 1  # items that the innermost array or map still lacks
    outer: list[int] = []  # the same for those around it
    while at < end:
        first = data[at]
        size = _SIZES[first]
        if size:
            at += size
            left -= 1
        elif first in _OPENING:
            if len(outer) >= LIMIT:
                return True
            outer.append(left - 1)
            if first < 0xA0:
                at, left = at + 1, _ITEMS[first - 0x80]
            else:
                width, each = _COUNTS[first]
                at += 1 + width
                left = each * int.from_bytes(data[at - width : at], "big")
        else:
            width, more = _LENGTHS[first]
            at += 1 + width
            at += int.from_bytes(data[at - width : at], "big") + more
            left -= 1
        while not left:
            if not outer:
                return False
            left = outer.pop()
    return False
