"""The place of the parser in a text of Cedar: the token in hand, what was consumed, and what went wrong so far."""

from __future__ import annotations

from pdp.cedar import hints
from pdp.cedar.lexer import POLICY_START, string_start, tokens
from pdp.cedar.limits import MAX_DEPTH
from pdp.cedar.words import RESERVED
from pdp.source import Source, Span
from pdp.syntax import limits
from pdp.syntax.characters import show
from pdp.syntax.reports import Abandoned, Failure, Reports


class Cursor(Reports):
    """One token in hand, and the means to consume it or to say why it does not fit.

    The text of a word or a sign tells all about it: strings start with a quote, numbers with a digit and slots with a
    question mark, so `text` alone is compared with words and signs.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.scan = tokens(self.content)
        self.kind = ""
        self.text = ""
        self.start = 0
        self.end = 0
        self.ended = 0
        """Where the token consumed last ended."""
        self.operand_ended = -1
        """Where the value read last ended: what follows there right away is an operator, or ends the expression."""
        self.begun = 0
        """Where the policy in hand starts."""
        self.depth = 0
        self.height = 0
        """The levels of the expression read last."""
        self.budget = limits.MAX_TOKENS
        self.comments: list[tuple[int, int]] = []
        """Where the comments since the last semicolon stand."""

    # -------------------------------------------------------------------------------------------------- consuming

    def advance(self) -> None:
        """Consume the token in hand and take the next."""
        self.ended = self.end
        match = self.scan()
        kind = match.lastgroup or ""
        while kind == "comment":
            self._keep_comment(match.span("comment"))
            match = self.scan()
            kind = match.lastgroup or ""
        self.kind = kind
        self.text = text = match[kind]
        self.end = end = match.end()
        self.start = end - len(text)
        self.budget -= 1
        if self.budget < 0:
            raise self.too_many_tokens()

    def _keep_comment(self, place: tuple[int, int]) -> None:
        self.budget -= 2
        if self.budget < 0:
            self.start, self.end = place
            raise self.too_many_tokens()
        self.comments.append(place)

    def take(self, text: str) -> bool:
        """Consume a word or a sign if it is the token in hand."""
        if self.text != text:
            return False
        self.advance()
        return True

    def expect(self, text: str, after: str, help: str | None = None) -> None:
        """Consume a word or a sign; fail where it is not the token in hand."""
        if self.text != text:
            raise self.fail(f"`{text}` {after}", help)
        self.advance()

    def close(self, text: str, opened: int, expected: str) -> None:
        """Consume a closing bracket; fail where it is missing, and say where the bracket was opened."""
        if self.text != text:
            note = (f"the `{self.content[opened]}` is opened here", Span(self.source, opened, opened + 1))
            raise self.fail(expected, notes=(note,) if "\n" in self.content[opened : self.start] else ())
        self.advance()

    def name(self, expected: str, what: str) -> str:
        """Consume a word as a name. A reserved one is reported, and read as a name all the same."""
        if self.kind != "word":
            raise self.fail(expected)
        text = self.text
        if text in RESERVED:
            self.refuse_name(what)
        self.advance()
        return text

    def refuse_name(self, what: str) -> None:
        """Report that the word in hand is reserved."""
        help_ = (
            'write it in quotes: `["…"]`, `has "…"` or `"…": …`' if what == "an attribute" else "choose another name"
        )
        if self.text == "__cedar":
            help_ = "names that hold `__cedar` are Cedar's own"
        self.report("reserved_name", f"`{self.text}` cannot be the name of {what}", self.start, self.end, help_)

    def next_policy(self) -> bool:
        """Tell whether the token in hand looks like the start of another policy: it stands first on its line."""
        if self.start == self.begun or POLICY_START(self.content, self.start) is None:
            return False
        return "\n" in self.content[self.ended : self.start]

    # -------------------------------------------------------------------------------------------------- reporting

    def fail(
        self,
        expected: str,
        help: str | None = None,
        *,
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> Exception:
        """Say that the token in hand is not what is expected here, or what is wrong with it anywhere."""
        if self.kind == "open":
            return self._open_string()
        after_operand = self.operand_ended == self.ended
        hint = hints.explain(self.content, self.kind, self.text, self.start, after_operand)
        if hint is not None:
            start = hint.start if hint.start >= 0 else self.start
            return self.failure(hint.code, hint.message, start, hint.end, hint.help)
        if self.next_policy():
            return self._unfinished()
        found = "the end of the file" if self.kind == "end" else f"`{show(self.text)}`"
        # The end of the file is shown right after the last token, not on an empty line.
        start, end = (self.ended, self.ended) if self.kind == "end" else (self.start, self.end)
        return self.failure("unexpected_token", f"expected {expected}, found {found}", start, end, help, notes)

    def _unfinished(self) -> Failure:
        message = f"the policy before this `{self.text}` is not finished"
        help_ = "a policy ends with `;`"
        last = self.content[self.ended - 1 : self.ended]
        if last not in ")}":
            help_ = (
                f"something is missing after `{show(self.content[max(0, self.ended - 20) : self.ended].split()[-1])}`"
            )
        return self.failure("unfinished_policy", message, self.start, self.end, help_)

    def _open_string(self) -> Abandoned:
        match = string_start(self.content, self.start)
        stop = match.end() if match else self.end
        if stop < len(self.content):
            message = "a backslash ends this line of a string"
            self.report("invalid_escape", message, stop, stop + 1, "write `\\n` for a line break")
        else:
            line_end = self.content.find("\n", self.start)
            end = line_end if line_end >= 0 else len(self.content)
            help_ = 'close it with `"`'
            self.report("unterminated_string", "the string is never closed", self.start, end, help_)
        return Abandoned()

    def too_deep(self, start: int, end: int) -> Failure:
        """Say that something is nested deeper than the limit."""
        message = f"this is nested more than {MAX_DEPTH} levels deep"
        return self.failure("nested_too_deep", message, start, end, "split it into several policies")
