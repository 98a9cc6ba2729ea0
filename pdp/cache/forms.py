"""Frozen objects as plain data and back, by forms that say what may stand where.

A form writes what it is for, and reads nothing else: data of any other shape raises Corrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgpack

from pdp.source import Source, Span


class Corrupt(Exception):
    """Data that no form has written."""


def packed(data: Any) -> bytes:
    """Return plain data as bytes."""
    found: bytes = msgpack.packb(data)
    return found


class Places:
    """The sources that spans are in, by number, and the rules that have been read of them, in the policy's order.

    `rebuild` makes the policy of the texts themselves, where they are not pdp's own.
    """

    __slots__ = ("numbers", "rebuild", "rules", "sources")

    def __init__(self, sources: Sequence[Source], rebuild: Callable[[], Any] | None = None) -> None:
        self.sources = sources
        self.numbers = {id(source): number for number, source in enumerate(sources)}
        self.rules: Sequence[object] = ()
        self.rebuild = rebuild


NOWHERE: Final = Places(())
"""Places for what holds none."""

ANYWHERE: Final = Places(())
"""Places for what is written without its own."""


class Form(NamedTuple):
    """How one kind of thing is written and read."""

    write: Callable[[Any, Places], Any]
    read: Callable[[Any, Places], Any]


def _plain(kind: type) -> Form:
    def read(data: Any, places: Places) -> Any:
        if data.__class__ is not kind:
            raise Corrupt
        return data

    return Form(lambda value, places: value, read)


TEXT: Final = _plain(str)
FLAG: Final = _plain(bool)
NUMBER: Final = _plain(int)
BYTES: Final = _plain(bytes)


def listed(data: Any, length: int | None = None) -> list[Any]:
    """Return data that is a list, of this length where one is given; raise Corrupt for anything else."""
    if data.__class__ is not list or (length is not None and len(data) != length):
        raise Corrupt
    found: list[Any] = data
    return found


def optional(form: Form) -> Form:
    """Return the form of a thing, or of None."""
    return Form(
        lambda value, places: None if value is None else form.write(value, places),
        lambda data, places: None if data is None else form.read(data, places),
    )


def several(form: Form) -> Form:
    """Return the form of a tuple of things."""
    return Form(
        lambda values, places: [form.write(value, places) for value in values],
        lambda data, places: tuple([form.read(each, places) for each in listed(data)]),
    )


NAMES: Final = Form(
    lambda names, places: sorted(names),
    lambda data, places: frozenset([TEXT.read(each, places) for each in listed(data)]),
)


def pair(first: Form, second: Form) -> Form:
    """Return the form of a tuple of two."""

    def read(data: Any, places: Places) -> Any:
        left, right = listed(data, 2)
        return first.read(left, places), second.read(right, places)

    return Form(lambda both, places: [first.write(both[0], places), second.write(both[1], places)], read)


def mapping(form: Form) -> Form:
    """Return the form of a mapping from text, in its order."""
    entries = several(pair(TEXT, form))
    return Form(
        lambda value, places: entries.write(value.items(), places),
        lambda data, places: dict(entries.read(data, places)),
    )


def choice(kind: type[StrEnum]) -> Form:
    """Return the form of an enumeration's members."""
    members = {str(member): member for member in kind}

    def read(data: Any, places: Places) -> Any:
        found = members.get(data) if data.__class__ is str else None
        if found is None:
            raise Corrupt
        return found

    return Form(lambda value, places: str(value), read)


def _read_span(data: Any, places: Places) -> Any:
    if data is None:
        return None
    number, start, end = listed(data, 3)
    for each in (number, start, end):
        if each.__class__ is not int or each < 0:
            raise Corrupt
    if number >= len(places.sources):
        raise Corrupt
    return Span(places.sources[number], start, end)


def _write_span(span: Any, places: Places) -> Any:
    if span is None or places is ANYWHERE:
        return None
    return [places.numbers[id(span.source)], span.start, span.end]


SPAN: Final = Form(_write_span, _read_span)


def shape(kind: Callable[..., Any], /, **fields: Form) -> Form:
    """Return the form of a class with these fields, in this order."""
    names, forms = tuple(fields), tuple(fields.values())

    def write(value: Any, places: Places) -> Any:
        return [form.write(getattr(value, name), places) for name, form in fields.items()]

    def read(data: Any, places: Places) -> Any:
        listed(data, len(forms))
        return kind(**{name: form.read(each, places) for name, form, each in zip(names, forms, data, strict=True)})

    return Form(write, read)


def union(shapes: Mapping[int, tuple[type, Form]]) -> Form:
    """Return the form of one of several classes, each under a number of its own."""
    tags = {kind: (tag, form.write) for tag, (kind, form) in shapes.items()}
    readers = {tag: form.read for tag, (_, form) in shapes.items()}

    def write(value: Any, places: Places) -> Any:
        tag, writer = tags[value.__class__]
        return [tag, writer(value, places)]

    def read(data: Any, places: Places) -> Any:
        tag, inner = listed(data, 2)
        if tag.__class__ is not int or tag not in readers:
            raise Corrupt
        return readers[tag](inner, places)

    return Form(write, read)


def late(find: Callable[[], Form]) -> Form:
    """Return a form that is found when it is used, since it holds itself."""
    return Form(
        lambda value, places: find().write(value, places),
        lambda data, places: find().read(data, places),
    )
