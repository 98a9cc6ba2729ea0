"""Where the parser is in a text, and how it goes on after a mistake."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NoReturn

from pdp.cedar.schemas import words
from pdp.cedar.schemas.declarations import Name
from pdp.cedar.schemas.lexer import Token, tokens, unescape
from pdp.checker.report import Report
from pdp.source import Source, Span
from pdp.syntax.characters import show
from pdp.syntax.limits import MAX_ERRORS, MAX_STRING_BYTES

_DECLARES: Final = frozenset({"entity", "action", "type", "namespace"})


class Mistake(Exception):
    """What stands here cannot be read on from; it is reported already."""


class Cursor:
    """The tokens of a text, one after the other."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.report = report
        self._tokens, self._faults = tokens(source, report)
        self.mistakes = 0
        self._at = 0
        self._open = 0
        self._failed = -1

    @property
    def here(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    @property
    def next(self) -> Token:
        """The token after the one that comes next."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    @property
    def ended(self) -> bool:
        """Whether there is nothing more, or nothing that would be read after so many mistakes."""
        return self.here.kind == "end" or self.mistakes > MAX_ERRORS

    def span(self, start: int) -> Span:
        """Return the place from an offset to the last token that was taken."""
        return Span(self.source, start, self._tokens[self._at - 1].end if self._at else start)

    def is_sign(self, sign: str) -> bool:
        """Tell whether a sign comes next."""
        return self.here.kind == "sign" and self.here.text == sign

    def is_word(self, word: str) -> bool:
        """Tell whether a word comes next. None is a keyword: what it means is known from where it stands."""
        return self.here.kind == "name" and self.here.text == word

    def advance(self) -> Token:
        """Take the next token."""
        token = self.here
        if token.kind == "sign":
            self._open += (token.text == "{") - (token.text == "}")
        self._at += token.kind != "end"
        return token

    def accept(self, sign: str) -> bool:
        """Take a sign if it comes next, and tell whether it does."""
        found = self.is_sign(sign)
        if found:
            self.advance()
        return found

    def accept_word(self, word: str) -> bool:
        """Take a word if it comes next, and tell whether it does."""
        found = self.is_word(word)
        if found:
            self.advance()
        return found

    def expect(self, sign: str, help: str | None = None) -> Token:
        """Take a sign that has to come next."""
        if not self.is_sign(sign):
            self.fail(f"`{sign}`", help)
        return self.advance()

    def name(self, what: str, help: str | None = None) -> Name:
        """Take a name that has to come next."""
        if self.here.kind != "name":
            self.fail(what, help)
        token = self.advance()
        name = Name(token.text, Span(self.source, token.start, token.end))
        words.check_free(name.text, name.span, self.report)
        return name

    def string(self, what: str) -> Name:
        """Take a string that has to come next."""
        if self.here.kind != "string":
            self.fail(what)
        token = self.advance()
        span = Span(self.source, token.start, token.end)
        if len(token.text.encode("utf-8", "replace")) > MAX_STRING_BYTES:
            message = f"the string is longer than {MAX_STRING_BYTES} bytes"
            self.report.error("string_too_long", message, Span(self.source, token.start, token.start + 1))
            return Name("", span)
        return Name(unescape(token, self.source, self.report), span)

    def fail(self, expected: str, help: str | None = None) -> NoReturn:
        """Report what stands where something else has to."""
        found = "the end of the file" if self.here.kind == "end" else f"`{show(self.here.text)}`"
        span = Span(self.source, self.here.start, self.here.end)
        self.mistakes += 1
        # What is missing may be what was no token right before, and is reported.
        before = self._tokens[self._at - 1].end if self._at else 0
        if bisect_left(self._faults, before) == bisect_left(self._faults, max(self.here.start, before + 1)):
            self.report.error("unexpected_token", f"expected {expected}, found {found}", span, help)
        raise Mistake

    def recover(self, level: int) -> None:
        """Go on to where the next declaration may start; `level` is how many braces are open there."""
        # INVARIANT: no token is gone back to after two mistakes, so that reading ends.
        if self._at == self._failed:
            self.advance()
        while not self.ended:
            if self._declares():
                self._open = level
                break
            if self.is_sign("}") and self._open <= level:
                break
            if self.advance().text == ";" and self._open <= level:
                break
        self._failed = self._at

    def _declares(self) -> bool:
        """Tell whether a declaration starts here: its first word is the first of a line, and a name comes after it."""
        if not self._at or self.here.kind != "name" or self.here.text not in _DECLARES:
            return False
        between = self.source.text[self._tokens[self._at - 1].end : self.here.start]
        return "\n" in between and self.next.kind in ("name", "string")
