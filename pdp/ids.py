"""Which texts may be the id of an entity, in policies, in data and in requests alike."""

from __future__ import annotations

from typing import Final, NamedTuple

from pdp import patterns
from pdp.values import MAX_STRING

MAX_ID: Final = 4096
ANY_ID: Final = f"an id is any text of 1 to {MAX_ID} characters"
_NOT_IN_ID: Final = patterns.compile("[\x00\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class WrongId(NamedTuple):
    """What is wrong with an id, as a diagnostic tells it."""

    code: str
    message: str
    help: str


def wrong_id(text: str) -> WrongId | None:
    """Tell what keeps a text from being an id: that it is empty or too long, or that it misleads who reads it."""
    if not 1 <= len(text) <= MAX_ID:
        message = f"an id has at most {MAX_ID} characters, this one has {len(text)}" if text else "the id is empty"
        return WrongId("invalid_id", message, ANY_ID)
    if not (text.isascii() and text.isprintable()) and (odd := _NOT_IN_ID.search(text)):
        return _odd_character(odd[0])
    return None


def wrong_text(text: str) -> str | None:
    """Tell what keeps a text from being the id of an entity of Cedar, where any text is one that is text at all."""
    if len(text) > MAX_STRING:
        return f"an id has at most {MAX_STRING} characters"
    odd = None if text.isascii() else _SURROGATE.search(text)
    return None if odd is None else f"U+{ord(odd[0]):04X} is half of a surrogate pair, not a character"


_SURROGATE: Final = patterns.compile("[\ud800-\udfff]")


def _odd_character(char: str) -> WrongId:
    name = f"U+{ord(char):04X}"
    if char == "\0":
        return WrongId("nul_character", "an id cannot hold the character NUL (U+0000)", "remove the character")
    if "\ud800" <= char <= "\udfff":
        message = f"{name} is half of a surrogate pair, not a character"
        return WrongId("half_character", message, "write the character itself, or both halves")
    message = f"an id cannot hold {name}, which makes text appear in another order than it has"
    return WrongId("bidi_in_id", message, "remove the character")


def is_action(type: str) -> bool:
    """Tell whether entities of a type of Cedar are actions, by its name.

    >>> is_action("Photos::Action"), is_action("Reaction")
    (True, False)
    """
    return type.rpartition("::")[2] == "Action"
