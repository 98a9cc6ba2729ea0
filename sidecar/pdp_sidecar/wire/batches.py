"""The questions of a batch out of its bytes, where it is nothing but questions that only name things.

To make messages of these would take longer than to answer them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from google.protobuf.message import DecodeError

from pdp.values import EntityRef
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.wire.requests import entity_of

LONGEST: Final = 2048
"""Bytes of a question that is remembered."""

MOST: Final = 2**14
"""Questions that are remembered."""

_DEFAULTS: Final = 0x0A  # Field 1 of a CheckBatchRequest, which has a length.
_ITEM: Final = 0x12  # Field 2.
_NAMING: Final = frozenset({"principal", "action", "resource", "handles", "view"})


class Named(NamedTuple):
    """A question that only names things; what it does not name is that of the defaults."""

    principal: EntityRef | None
    action: str
    resource: EntityRef | None
    handles: frozenset[str]


class Batch(NamedTuple):
    """The questions of a batch in their order. `defaults` is a CheckRequest as bytes, empty for none."""

    defaults: bytes
    questions: list[Named]


class Batches:
    """Reads batches, and remembers questions by their bytes. It is for one thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[bytes, Named] = {}

    def read(self, data: bytes, most: int) -> Batch | None:
        """Return the questions of a batch; None for one that says more, has more than so many, or cannot be read.

        What it returns is what reading the whole as a message comes to.
        """
        found = _parts(data)
        if found is None or len(found[1]) > most:
            return None
        known = self._known.get
        questions = []
        for each in found[1]:
            asked = known(each) or self._read(each)
            if asked is None:
                return None
            questions.append(asked)
        return Batch(found[0], questions)

    def _read(self, data: bytes) -> Named | None:
        try:
            message = CheckRequest.FromString(data)
        except DecodeError:
            return None
        if any(field.name not in _NAMING for field, _ in message.ListFields()):
            return None
        refs = [_ref(message, name) for name in ("principal", "resource")]
        if None in refs:
            return None
        principal, resource = (ref or None for ref in refs)
        found = Named(principal, message.action, resource, frozenset(message.handles))
        if len(data) <= LONGEST:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[data] = found
        return found


def _ref(message: CheckRequest, name: str) -> EntityRef | Literal[""] | None:
    """Return what a question names, nothing where it leaves that to the defaults, None where it brings an entity."""
    if not message.HasField(name):
        return ""
    found = entity_of(getattr(message, name))
    return found if type(found) is EntityRef else None


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
