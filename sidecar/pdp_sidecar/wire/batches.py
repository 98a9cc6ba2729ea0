"""The questions of a batch out of its bytes, where it is nothing but questions that only name things.

To make messages of these would take longer than to answer them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from pdp_sidecar.wire.requests import Named

_DEFAULTS: Final = 0x0A  # Field 1 of a CheckBatchRequest, which has a length.
_ITEM: Final = 0x12  # Field 2.


class Batch(NamedTuple):
    """The questions of a batch in their order. `defaults` is a CheckRequest as bytes, empty for none."""

    defaults: bytes
    questions: list[Named]


def batch_of(data: bytes, most: int, naming: Callable[[bytes], Named | None]) -> Batch | None:
    """Return the questions of a batch; None for one that says more, has more than so many, or cannot be read.

    `naming` is `Questions.naming`. What it returns is what reading the whole as a message comes to.
    """
    found = _parts(data)
    if found is None or len(found[1]) > most:
        return None
    questions = []
    for each in found[1]:
        asked = naming(each)
        if asked is None:
            return None
        questions.append(asked)
    return Batch(found[0], questions)


def _parts(data: bytes) -> tuple[bytes, list[bytes]] | None:
    """Return defaults and questions of a batch as bytes; None where it holds anything else, or one that is very long.

    >>> _parts(bytes([0x12, 2, 65, 66, 0x12, 0])), _parts(bytes([0x18, 1])), _parts(bytes([0x12, 9]))
    ((b'', [b'AB', b'']), None, None)
    """
    found: list[bytes] = []
    defaults, at, end = b"", 0, len(data)
    try:
        while at < end:
            tag, size, start = data[at], data[at + 1], at + 2
            if size > 127:
                more = data[start]
                if more > 127:
                    return None
                size, start = size & 127 | more << 7, start + 1
            at = start + size
            if tag == _ITEM:
                found.append(data[start:at])
            elif tag == _DEFAULTS and not found and not defaults:
                defaults = data[start:at]
            else:
                return None
    except IndexError:
        return None
    return (defaults, found) if at == end else None
