"""Text in pieces, so that what is written at random can be made smaller piece by piece."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

Part: TypeAlias = "str | Piece"


class Piece(NamedTuple):
    """A text of parts, some of which are pieces too."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def piece(*parts: Part) -> Piece:
    """Return a piece of parts."""
    return Piece(parts)


def joined(separator: str, parts: Sequence[Part], start: str = "(", end: str = ")") -> Piece:
    """Return parts with something between each two."""
    found: list[Part] = [start]
    for at, part in enumerate(parts):
        found += [separator, part] if at else [part]
    return Piece((*found, end))


TRUE = piece("true")


def smaller(found: Piece) -> Iterator[Piece]:
    """Yield texts that are smaller: a constant, what is inside, then the same with less inside."""
    inner = [part for part in found.parts if isinstance(part, Piece)]
    if inner or len(str(found)) > 8:
        yield TRUE
    yield from inner
    if len(inner) > 2:
        # Of a chain or a list, without one.
        for at, part in enumerate(found.parts):
            if isinstance(part, Piece):
                first = at - 1 if at > 1 else at
                yield Piece(found.parts[:first] + found.parts[first + 2 :])
    for at, part in enumerate(found.parts):
        if isinstance(part, Piece):
            for less in smaller(part):
                yield Piece((*found.parts[:at], less, *found.parts[at + 1 :]))


_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "\0": "\\0", "'": "\\'", '"': '\\"'}


def quoted(text: str, rng: random.Random | None = None, *, star: str = "") -> str:
    """Return a string literal, spelled in one of the ways there are; `star` is what a star becomes."""
    return '"' + "".join(_spelled(char, rng, star) for char in text) + '"'


def _spelled(char: str, rng: random.Random | None, star: str) -> str:
    if char == "*" and star:
        return star
    if char in _SHORT and (char in '"\\\r' or rng is None or rng.random() < 0.8):
        return _SHORT[char]
    if rng is not None and rng.random() < 0.03:
        return f"\\x{ord(char):02x}" if ord(char) < 128 and rng.random() < 0.5 else f"\\u{{{ord(char):x}}}"
    return char


_RESERVED = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"})
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_WORD = _LETTERS | frozenset("0123456789")


def is_word(name: str) -> bool:
    """Tell whether a name can be written without quotes."""
    return bool(name) and name[0] in _LETTERS and set(name) <= _WORD and name not in _RESERVED


def ref(kind: str, id: str, rng: random.Random | None = None) -> str:
    """Return a reference to an entity."""
    return f"{kind}::{quoted(id, rng)}"
