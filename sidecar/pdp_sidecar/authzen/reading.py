"""Bodies into documents. Whatever is not exactly JSON with unique names, in UTF-8 and of bounded depth, is refused."""

from __future__ import annotations

import re
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET

from pdp_sidecar.authzen.documents import Batch, Evaluation, Item, MixedBatch
from pdp_sidecar.identifying import Challenge

T = TypeVar("T")

MAX_DEPTH: Final = 64
"""A body is nested no deeper. No value of a policy is."""

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"[ \t\r\n]*:?|[][{}]', re.DOTALL)
_COLON, _BEGINS, _ENDS = ord(":"), frozenset(b"{["), frozenset(b"}]")


class Refused(Exception):
    """A request that is answered by an error: its status, and what is told of it, and of the token that was shown.

    `problem` is the URN of what is wrong, where a profile has one for it (RFC 9457).
    """

    def __init__(self, status: int, message: str, challenge: Challenge | None = None, *, problem: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.challenge, self.problem = status, message, challenge, problem


class Reader(Generic[T]):
    """Reads bodies of one kind.

    >>> Reader(Evaluation).read(b'{"subject": {"type": "User", "type": "Admin"}}')
    Traceback (most recent call last):
    pdp_sidecar.authzen.reading.Refused: Object missing required field `id` - at `$.subject`
    >>> Reader(dict).read(b'{"a": {"b": 1, "c": 2, "b": 3}}')
    Traceback (most recent call last):
    pdp_sidecar.authzen.reading.Refused: the name `b` is there twice in one object
    """

    def __init__(self, kind: type[T]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, body: bytes) -> T:
        """Return what a body says; raise Refused."""
        found = self.part(body)
        check(body)
        return found

    def part(self, body: bytes) -> T:
        """Return what a part of a body says that is checked as a whole; raise Refused."""
        try:
            return self._decode(body)
        except RecursionError:
            raise too_deep() from None
        except UnicodeDecodeError:
            raise Refused(400, "the body is not UTF-8") from None
        except msgspec.ValidationError as error:
            raise Refused(400, str(error)) from None
        except msgspec.DecodeError as error:
            raise Refused(400, str(error) if body else "the body is empty") from None


class EvaluationReader(Reader[Evaluation]):
    """Reads single questions, most of them without looking at each name."""

    def __init__(self) -> None:
        super().__init__(Evaluation)

    def read(self, body: bytes) -> Evaluation:
        found = self.part(body)
        if found.subject is UNSET:
            check(body)
            return found
        names = 8
        for each in (found.subject.properties, found.action.properties, found.resource.properties):
            if each is not UNSET:
                names += 1 + _names(each, 3)
        if found.context is not UNSET:
            names += 1 + _names(found.context, 2)
        if not _are_all(names, body):
            check(body)
        return found


class BatchReader:
    """Reads many questions, most of them without looking at each name."""

    def __init__(self) -> None:
        self._whole, self._mixed = Reader(Batch), Reader(MixedBatch)

    def read(self, body: bytes) -> Batch | MixedBatch:
        """Return the questions; each by itself where one of them is none. Raise Refused."""
        try:
            found = self._whole.part(body)
        except Refused:
            mixed = self._mixed.part(body)
            check(body)
            return mixed
        names, items = _names_in(found, 1), found.evaluations
        if items is not UNSET:
            names += 1 + sum(_names_in(each, 3) for each in items)
        if found.options is not UNSET:
            names += 1 + (found.options.evaluations_semantic is not UNSET)
        if not _are_all(names, body):
            check(body)
        return found


def _are_all(names: int, body: bytes) -> bool:
    """Tell whether so many names, each of which was read, are all that there are in a body.

    INVARIANT: each name in a text has a colon after it. Where there are no more colons than names were read, no name
    came twice, nor was any ignored.
    """
    return names == body.count(b":") and body.isascii()


def _names_in(item: Item, level: int) -> int:
    names, action = 0, item.action
    for each in (item.subject, item.resource):
        if each is not UNSET:
            names += 3 if each.properties is UNSET else 4 + _names(each.properties, level + 2)
    if action is not UNSET:
        names += 2 if action.properties is UNSET else 3 + _names(action.properties, level + 2)
    return names if item.context is UNSET else names + 1 + _names(item.context, level + 1)


def _names(value: Any, level: int) -> int:
    """Return how many names are in data that stands so many levels deep; raise Refused where it goes too deep."""
    if level > MAX_DEPTH:
        raise too_deep()
    names, inner = (len(value), value.values()) if type(value) is dict else (0, value)
    for each in inner:
        if type(each) in _CONTAINERS:
            names += _names(each, level + 1)
    return names


_CONTAINERS: Final = (dict, list)


def check(body: bytes) -> None:
    """Raise Refused where an object of a body has a name twice, or it is nested too deep, or no UTF-8. It is JSON."""
    if not body.isascii():
        try:
            # What is ignored was not decoded.
            body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "the body is not UTF-8") from None
    above: list[set[bytes]] = []
    seen: set[bytes] = set()
    for token in _TOKEN.findall(body):
        last = token[-1]
        if last == _COLON:
            name = _spelt(token)
            if name in seen:
                raise Refused(400, f"the name `{_shown(name)}` is there twice in one object")
            seen.add(name)
        elif last in _BEGINS:
            if len(above) == MAX_DEPTH:
                raise too_deep()
            above.append(seen)
            seen = set()
        elif last in _ENDS:
            seen = above.pop()


def _spelt(token: bytes) -> bytes:
    """Return a name as it would be written in one way, whatever escapes it was written with."""
    name = token[:-1].rstrip()
    return msgspec.json.encode(msgspec.json.decode(name)) if b"\\" in name else name


def _shown(name: bytes) -> str:
    text = name.decode()[1:-1]
    return text if len(text) <= 100 else f"{text[:100]}…"


def too_deep() -> Refused:
    """Return what is said of data that is nested too deep."""
    return Refused(400, f"the body is nested deeper than {MAX_DEPTH} levels")
