"""What is wrong with a text while it is read: told at once, so that one run shows all of it, and up to a limit."""

from __future__ import annotations

from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax import limits


class Failure(Exception):
    """What is in hand, a declaration or a policy, cannot be read on. What is wrong is reported already."""


class Abandoned(Exception):
    """The text is not read on: a limit is reached or nothing after this place is sure, and that is reported."""


class Reports:
    """The diagnostics of one text, and the means to add one. `start` and `end` are those of the token in hand."""

    start: int
    end: int
    ended: int
    """Where the token consumed last ended."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.content = source.text
        self.diagnostics: list[Diagnostic] = []

    def span(self, start: int) -> Span:
        """Return the span from an offset to the end of what was consumed last."""
        return Span(self.source, start, self.ended)

    def report(
        self,
        code: str,
        message: str,
        start: int,
        end: int,
        help: str | None = None,
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        """Record an error after which the parser can go on; abandon the text where there are too many."""
        span = Span(self.source, start, end)
        self.diagnostics.append(Diagnostic(code=code, message=message, span=span, help=help, notes=notes))
        if len(self.diagnostics) >= limits.MAX_ERRORS:
            message = f"the file has {limits.MAX_ERRORS} errors or more: the rest of it is not looked at"
            last = Diagnostic(code="too_many_errors", message=message, span=span, help="mend these first")
            self.diagnostics.append(last)
            raise Abandoned

    def failure(
        self,
        code: str,
        message: str,
        start: int,
        end: int,
        help: str | None = None,
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> Failure:
        """Record an error and return the exception to raise, since what is in hand cannot be read on."""
        self.report(code, message, start, end, help, notes)
        return Failure()

    def too_many_tokens(self) -> Abandoned:
        """Say that the text holds more tokens than the limit."""
        message = f"the file holds more than {limits.MAX_TOKENS} words and signs"
        self.report("too_many_tokens", message, self.start, self.end, "split it into several files")
        return Abandoned()
