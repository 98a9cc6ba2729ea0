"""What a terminal can show, and writing to it. Nothing that a user named reaches it as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

from pdp.classes import dataclass
from pdp.syntax.characters import escape
from pdp.values import quote

COLORS: Final = ("auto", "always", "never")

_TINTS: Final = {
    "allow": "\x1b[1;32m",
    "deny": "\x1b[1;31m",
    "error": "\x1b[1;31m",
    "help": "\x1b[1;36m",
    "note": "\x1b[1;34m",
    "true": "\x1b[32m",
    "false": "\x1b[31m",
    "unknown": "\x1b[33m",
    "strong": "\x1b[1m",
    "faint": "\x1b[2m",
}
_RESET: Final = "\x1b[0m"


class Unwritten(Exception):
    """Output cannot be written; the cause is an OSError."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whether to use colours, and characters beyond ASCII."""

    color: bool = False
    unicode: bool = False

    @classmethod
    def of(cls, stream: TextIO, choice: str) -> Terminal:
        """Look at where the output goes; `choice` is one of COLORS."""
        return cls(
            color=choice == "always" or (choice == "auto" and _wants_color(stream)),
            unicode=_can_show(stream, "✓✗"),
        )

    def paint(self, text: str, tint: str) -> str:
        """Colour a text, where colours are used."""
        return f"{_TINTS[tint]}{text}{_RESET}" if self.color and text else text

    def mark(self, truth: bool | None) -> str:
        """Return the mark of what is true, false or unknown."""
        if truth is None:
            return self.paint("?", "unknown")
        if truth:
            return self.paint("✓" if self.unicode else "+", "true")
        return self.paint("✗" if self.unicode else "x", "false")


def _wants_color(stream: TextIO) -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line; what the terminal's encoding lacks is written as an escape. Raise Unwritten where that fails."""
    out = sys.stdout if stream is None else stream
    encoding = out.encoding or "ascii"
    try:
        out.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    except OSError as error:
        raise Unwritten from error


def note(notes: Iterable[str], choice: str) -> None:
    """Write remarks to standard error; they are no part of the answer."""
    terminal = Terminal.of(sys.stderr, choice)
    for text in notes:
        say(f"{terminal.paint('note', 'note')}: {plain(text)}", sys.stderr)


def emit(data: Mapping[str, Any]) -> None:
    """Write plain data as JSON, all of it in ASCII: no character in it can act on a terminal."""
    import json

    say(json.dumps(data, indent=2, allow_nan=False))


def plain(text: str) -> str:
    """Return a text with escapes for all that does not print.

    >>> print(plain("a\\x1b[31m"))
    a\\u{1b}[31m
    """
    return "".join(escape(char) for char in text)


def written(data: Any) -> str:
    """Write plain data as the policy language would.

    >>> print(written({"channel": "#ops", "days": [1, 2], "urgent": True}))
    { channel: "#ops", days: [1, 2], urgent: true }
    """
    match data:
        case bool():
            return "true" if data else "false"
        case str():
            return plain(quote(data))
        case Mapping():
            inner = ", ".join(f"{plain(str(name))}: {written(value)}" for name, value in data.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(written(element) for element in data)}]"
        case _:
            return plain(str(data))
