"""The place of the parser in the text: the token in hand, what was consumed, and what went wrong so far."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pdp.errors import suggest
from pdp.source import Source, Span
from pdp.syntax import hints, limits
from pdp.syntax.characters import find_forbidden, show
from pdp.syntax.lexer import DECLARATION_START, tokens
from pdp.syntax.reports import Failure, Reports
from pdp.syntax.tree import Ident
from pdp.syntax.words import KEYWORDS, NULLS, ROOTS

# No keyword is longer by far, and looking for one that is close to a word takes time by its length.
_LONGEST: Final = 40


class Cursor(Reports):
    """One token in hand, and the means to consume it or to say why it does not fit.

    `kind` and `text` are of the token in hand. The text of a word or a sign tells all about it: strings start with a
    quote and other literals with a digit, so `text` alone is compared with keywords and signs.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.kind = ""
        self.text = ""
        self.start = 0
        self.end = 1 if source.text.startswith("\ufeff") else 0
        self.scan = tokens(self.content, self.end)
        self.ended = 0
        """Where the token consumed last ended."""
        self.operand_ended = -1
        """Where the value read last ended: what follows there right away is an operator, or ends the expression."""
        self.excused = -1
        """Where a word ends that was reported and read all the same: a failure right after it is no further mistake."""
        self.begun = 0
        """Where the declaration in hand starts."""
        self.declared = 0
        """Where the declaration read last, or being read, starts."""
        self.resume = 0
        """Where to look for the next declaration after a failure."""
        self.depth = 0
        self.height = 0
        """The levels of the expression read last."""
        self.budget = limits.MAX_TOKENS
        self.comments: list[Ident] = []
        self.forbidden: set[int] = set()

    def check_characters(self) -> None:
        """Report every character that may not stand in a file."""
        for found in find_forbidden(self.content):
            self.forbidden.add(found.at)
            self.report(found.code, found.message, found.at, found.at + 1, found.help)

    # -------------------------------------------------------------------------------------------------- consuming

    def advance(self) -> None:
        """Consume the token in hand and take the next."""
        self.ended = self.end
        match = self.scan()
        kind = match.lastgroup or ""
        while kind == "comment":
            self._keep_comment(match)
            match = self.scan()
            kind = match.lastgroup or ""
        self.kind = kind
        self.text = text = match[kind]
        self.end = end = match.end()
        self.start = end - len(text)
        self.budget -= 1
        if self.budget < 0:
            raise self.too_many_tokens()

    def jump(self, at: int) -> None:
        """Go on from another place, wherever the parser stands."""
        self.end = at
        self.depth = 0
        self.scan = tokens(self.content, at)
        self.advance()

    def reread(self, kind: str, start: int, end: int) -> None:
        """Take a part of the text as the token in hand, whatever was taken before."""
        self.kind, self.text, self.start, self.end = kind, self.content[start:end], start, end
        self.scan = tokens(self.content, end)

    def _keep_comment(self, match: re.Match[str]) -> None:
        start, end = match.span("comment")
        text = self.content[start:end].rstrip()
        self.budget -= 2
        if self.budget < 0:
            self.start, self.end = start, start + len(text)
            raise self.too_many_tokens()
        # A comment read twice, after a step back, is kept once.
        if not self.comments or self.comments[-1].span.start < start:
            self.comments.append(Ident(span=Span(self.source, start, start + len(text)), text=text))

    def take(self, text: str) -> bool:
        """Consume a word or a sign if it is the token in hand."""
        if self.text != text:
            return False
        self.advance()
        return True

    def expect(self, text: str, after: str) -> None:
        """Consume a word or a sign; fail where it is not the token in hand."""
        if self.text != text:
            raise self.fail(f"`{text}` {after}", known=[text] if text.isalpha() else ())
        self.advance()

    def close(self, text: str, opened: int, expected: str) -> None:
        """Consume a closing bracket; fail where it is missing, and say where the bracket was opened."""
        if self.text != text:
            raise self.unclosed(opened, expected)
        self.advance()

    def name(self, expected: str, refused: frozenset[str] = frozenset(), named: str = "this") -> Ident:
        """Consume a word as a name. One of the `refused` is reported, and read as a name all the same."""
        if self.kind != "word":
            raise self.fail(expected, code="expected_name")
        if self.text in refused:
            self._refuse_name(named)
        start, text = self.start, self.text
        self.advance()
        return Ident(span=Span(self.source, start, self.ended), text=text)

    def type_name(self, expected: str) -> Ident:
        """Consume a word as the name of a type. Types start upper-case."""
        if self.kind != "word":
            raise self.fail(expected, code="expected_type")
        start, text = self.start, self.text
        if not "A" <= text[0] <= "Z":
            self.lower_case_type(expected)
        elif text in NULLS:
            self._refuse_name("a type")
        self.advance()
        return Ident(span=Span(self.source, start, self.ended), text=text)

    def _refuse_name(self, named: str) -> None:
        message = f"`{show(self.text)}` cannot be the name of {named}"
        self.report("reserved_name", message, self.start, self.end, "choose another name")
        self.excused = self.end

    def lower_case_type(self, expected: str) -> None:
        """Report a type that starts lower-case; fail where the word is none at all."""
        text = self.text
        if text in ROOTS and text not in ("context", "session"):
            help_ = 'write `User` or `User "ada"`; what it compares belongs into `when`'
            message = f"`{text}` is no scope: a scope names types and entities"
            raise self.failure("scope_comparison", message, self.start, self.end, help_)
        if text in KEYWORDS:
            raise self.fail(expected, code="expected_type")
        upper = text.lstrip("_")
        upper = upper[:1].upper() + upper[1:]
        help_ = f"write `{show(upper)}`" if upper[:1].isalpha() else "start it with a letter from A to Z"
        if text.startswith("any") and len(text) < _LONGEST:
            help_ = suggest(text, ("anyone", "anything")) or help_
        message = f"the type `{show(text)}` does not start upper-case"
        self.report("lower_case_type", message, self.start, self.end, help_)
        self.excused = self.end

    # -------------------------------------------------------------------------------------------------- reporting

    def fail(
        self,
        expected: str,
        *,
        code: str = "unexpected_token",
        help: str | None = None,
        known: Iterable[str] = (),
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> Failure:
        """Say that the token in hand is not what is expected here, or what is wrong with it anywhere."""
        if self.kind == "bad" and self.start in self.forbidden:
            return Failure()
        if self.excused == self.ended and "\n" not in self.content[self.ended : self.start]:
            return Failure()
        hint = hints.explain(self.content, self.kind, self.text, self.start, self.operand_ended == self.ended)
        if hint is not None:
            return self.failure(hint.code, hint.message, self.start, hint.end, hint.help)
        unfinished = self._unfinished()
        if unfinished is not None:
            return unfinished
        if help is None and self.kind == "word" and len(self.text) < _LONGEST:
            help = suggest(self.text, known)
        found = hints.describe(self.kind, self.text)
        place = self._in_hand()
        return self.failure(code, f"expected {expected}, found {found}", place.start, place.end, help, notes)

    def _unfinished(self) -> Failure | None:
        """Blame the declaration before, where the start of the next one was read as a part of it."""
        line = self.content.rfind("\n", 0, self.start) + 1
        match = DECLARATION_START.match(self.content, line)
        if match is None or match.end() - 1 != self.start or len(match[1]) > self.column():
            return None
        start = match.end(1)
        if start == self.begun:
            return None
        word = self.content[start : self.start].rstrip()
        message = f"the declaration before this `{word}` is not finished"
        help_ = f"something is missing after `{hints.word_before(self.content, start)}`"
        self.resume = line - 1
        return self.failure("unfinished_declaration", message, start, start + len(word), help_)

    def column(self) -> int:
        """Return how far the declaration read last, or being read, stands from the start of its line."""
        return self.declared - (self.content.rfind("\n", 0, self.declared) + 1)

    def unclosed(self, opened: int, expected: str) -> Failure:
        """Say that a bracket is not closed here, or nowhere where the file or the next declaration comes first."""
        sign = self.content[opened]
        line = self.content.rfind("\n", 0, self.start) + 1
        next_declaration = DECLARATION_START.match(self.content, line)
        if self.kind != "end" and (next_declaration is None or next_declaration.end(1) != self.start):
            note = (f"the `{sign}` is opened here", Span(self.source, opened, opened + 1))
            return self.fail(expected, notes=(note,) if opened < line else ())
        note = (f"expected {expected}, found {hints.describe(self.kind, self.text)}", self._in_hand())
        return self.failure("unclosed_bracket", f"the `{sign}` is never closed", opened, opened + 1, notes=(note,))

    def _in_hand(self) -> Span:
        # The end of the file is shown right after the last token, not on an empty line.
        return Span(self.source, *((self.ended, self.ended) if self.kind == "end" else (self.start, self.end)))

    def too_deep(self, start: int, end: int) -> Failure:
        """Say that something is nested deeper than the limit."""
        message = f"this is nested more than {limits.MAX_DEPTH} levels deep"
        return self.failure("nested_too_deep", message, start, end, "simplify it, or name a part of it with `define`")
