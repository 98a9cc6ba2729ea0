"""Characters that may not stand in a policy, since what they do cannot be seen, and what others are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pdp import patterns

_BIDI: Final = "\u202a-\u202e\u2066-\u2069"

# All format characters (Cf), and what else draws nothing or breaks lines: fillers, joiners, selectors, blanks.
_INVISIBLE: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028\u2029\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

# A carriage return without a line feed shows as a new line in one editor and as nothing in another.
_CONTROL: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n"

_FORBIDDEN: Final = patterns.compile(
    rf"(?P<bidi_character>[{_BIDI}])|(?P<byte_order_mark>\ufeff)|(?P<lone_surrogate>[\ud800-\udfff])"
    rf"|(?P<control_character>[{_CONTROL}))|(?P<invisible_character>[{_INVISIBLE}])"
)
_FORBIDDEN_ASCII: Final = patterns.compile(rf"(?P<control_character>[{_CONTROL}))")

_MESSAGES: Final = {
    "bidi_character": "{name} changes the order in which the text is shown",
    "byte_order_mark": "the file holds a byte order mark",
    "lone_surrogate": "{name} is half a character",
    "control_character": "{name} is a control character",
    "invisible_character": "{name} cannot be seen",
}

# What is easily taken for an ASCII character.
_LOOKS_LIKE: Final = {
    **dict(zip("авекмнорстухіјѕԁһӏԛԝ", "abekmhopctyxijsdhlqw", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТУХԚԜ", "ABESIJKMHOPCTYXQW", strict=True)),
    **dict(zip("αγιορυνχ", "ayiopuvx", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("“”„″‘’′–—−×․‚；：（）［］｛｝", '""""\'\'\'---*.,;:()[]{}', strict=True)),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " "),
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}


class Forbidden(NamedTuple):
    """A character that may not stand anywhere in a file."""

    code: str
    message: str
    at: int
    help: str


def find_forbidden(text: str) -> Iterator[Forbidden]:
    """Yield every character of a text that may not stand in a policy, comments and strings included."""
    pattern = _FORBIDDEN_ASCII if text.isascii() else _FORBIDDEN
    for match in pattern.finditer(text):
        code, char = match.lastgroup or "", match[0]
        message = _MESSAGES[code].format(name=name_of(char))
        yield Forbidden(code, message, match.start(), _advice(code, char))


def _advice(code: str, char: str) -> str:
    if code == "byte_order_mark":
        return "save the file as UTF-8 without a byte order mark"
    if code == "lone_surrogate":
        return "delete it"
    if char == "\r":
        return "end lines with a line feed, alone or after a carriage return"
    return f"delete it; in a string, write `\\u{{{ord(char):x}}}`"


def name_of(char: str) -> str:
    """Return the number and the name of a character, such as `U+0430 CYRILLIC SMALL LETTER A`."""
    number = f"U+{ord(char):04X}"
    import unicodedata

    name = unicodedata.name(char, "")
    return f"{number} {name}" if name else number


def lookalike(char: str) -> str | None:
    """Return the ASCII text that a character is easily taken for, if there is one.

    >>> lookalike("\\u0430")
    'a'
    """
    found = _LOOKS_LIKE.get(char)
    if found is None:
        import unicodedata

        plain = unicodedata.normalize("NFKC", char)
        found = plain if plain.isascii() and plain.isprintable() else None
    return found


def escape(char: str) -> str:
    """Return a character as it may be shown: itself, or an escape where it does not print."""
    if " " <= char <= "~" or (char.isprintable() and _FORBIDDEN.match(char) is None):
        return char
    return f"\\u{{{ord(char):x}}}"


def show(text: str, limit: int = 40) -> str:
    """Return user's text as it may stand in a message: cut, and with escapes for what does not print."""
    shown = "".join(escape(char) for char in text[:limit])
    return shown + "…" if len(text) > limit else shown
