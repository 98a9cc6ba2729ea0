"""The escapes of Cedar's strings and patterns."""

from __future__ import annotations

from typing import Final

from pdp import patterns
from pdp.cedar.cursor import Cursor
from pdp.syntax.characters import show

_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "0": "\0", "'": "'", '"': '"'}

# One to six digits, among which `_` may stand anywhere but first.
_PIECE: Final = patterns.compile(
    r"[^\\\r*]++|\*|\r"
    r"|\\(?:(?P<simple>[nrt\\0'\"])|(?P<star>\*)|x(?P<ascii>[0-7][0-9A-Fa-f])"
    r"|u\{(?P<point>[0-9A-Fa-f]_*(?:[0-9A-Fa-f]_*){0,5})\}|(?P<wrong>u\{[0-9A-Za-z_]*\}?|x[0-9A-Za-z]{0,2}|.))"
)


class Strings(Cursor):
    """Reads the string in hand."""

    def string(self, expected: str, help: str | None = None) -> str:
        """Consume a string and return its value."""
        if self.kind != "string":
            raise self.fail(expected, help)
        text = self.text[1:-1]
        if "\\" in text or "\r" in text:
            text = "".join("*" if piece is None else piece for piece in self._pieces(text, pattern=False))
        self.advance()
        return text

    def pattern(self) -> tuple[str, ...]:
        """Consume a string after `like` and return the pieces between its stars."""
        if self.kind != "string":
            raise self.fail("a pattern in quotes after `like`", "a pattern stands in the policy: it is not computed")
        text = self.text[1:-1]
        if "\\" in text or "\r" in text:
            parts: list[list[str]] = [[]]
            for piece in self._pieces(text, pattern=True):
                if piece is None:
                    parts.append([])
                else:
                    parts[-1].append(piece)
            found = tuple("".join(part) for part in parts)
        else:
            found = tuple(text.split("*"))
        self.advance()
        return found

    def _pieces(self, text: str, *, pattern: bool) -> list[str | None]:
        """Resolve the escapes; None stands for a star that is not escaped. What is no escape is reported."""
        found: list[str | None] = []
        for match in _PIECE.finditer(text):
            kind, whole = match.lastgroup, match[0]
            at = self.start + 1 + match.start()
            if kind is None and whole == "\r":
                message = "a string holds a carriage return"
                self.report("control_character", message, at, at + 1, "write `\\r`, or end lines with a line feed")
            elif kind is None:
                found.append(None if whole == "*" else whole)
            elif kind == "simple":
                found.append(_SIMPLE[whole[1]])
            elif kind == "star" and pattern:
                found.append("*")
            elif kind == "ascii" or kind == "point":
                char = self._character(match[kind].replace("_", ""), whole, at)
                # Cedar looks for stars after it has read the escapes, but for `\*`.
                found.append(None if char == "*" and pattern else char)
            else:
                self._wrong_escape(whole, at)
        return found

    def _character(self, digits: str, whole: str, at: int) -> str:
        number = int(digits, 16)
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number)
        message = f"`{show(whole)}` is no character"
        self.report(
            "invalid_escape", message, at, at + len(whole), "characters go to `\\u{10ffff}`, surrogates left out"
        )
        return ""

    def _wrong_escape(self, whole: str, at: int) -> None:
        help_ = "a backslash itself is written `\\\\`"
        if whole[1] == "x":
            help_ = "`\\x` is followed by two hexadecimal digits, to `\\x7f`"
        elif whole[1] == "u":
            help_ = "write one to six hexadecimal digits in braces: `\\u{e9}`"
        elif whole[1] == "*":
            help_ = "only a pattern after `like` has `\\*`: write `*`"
        self.report("invalid_escape", f"`{show(whole)}` is no escape", at, at + len(whole), help_)
