"""Where the checker's findings are collected: one for one mistake, in the order of files and places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Final

from pdp.errors import Diagnostic, Severity, suggest
from pdp.source import Span
from pdp.syntax.limits import MAX_ERRORS

_MAX_COMPARED: Final = 50_000
"""How many known words misspelt ones are compared with, all in all: whoever misspells that many has another problem."""

SETTLED_HELP: Final = "remove it, or ask for something that can be otherwise"
"""What to do about a condition that always comes to the same."""


class Report:
    """The diagnostics found so far. The same code at the same place is one finding, however many cells show it."""

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self._compared = 0
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def add(self, diagnostic: Diagnostic) -> None:
        """Take a diagnostic in."""
        span = diagnostic.span
        key = (diagnostic.code, None if span is None else (span.source.path, span.start, span.end))
        self._found.setdefault(key, diagnostic)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        help: str | None = None,
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        """Report an error."""
        self.add(Diagnostic(code=code, message=message, span=span, help=help, notes=notes))

    def warn(
        self,
        code: str,
        message: str,
        span: Span,
        help: str | None = None,
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        """Report a warning."""
        severity = Severity.WARNING
        self.add(Diagnostic(code=code, message=message, span=span, help=help, notes=notes, severity=severity))

    def repeated(self, written: Iterable[tuple[Hashable, Span]]) -> None:
        """Warn of what stands twice in a list: it adds nothing, and something else may have been meant."""
        first: dict[Hashable, Span] = {}
        for what, span in written:
            before = first.setdefault(what, span)
            if before is not span:
                notes = (("the first is here", before),)
                self.warn("repeated", f"`{span.text}` stands twice in this list", span, "remove one of them", notes)

    def unknown(
        self, code: str, kind: str, name: str, span: Span, known: Iterable[str], otherwise: str | None = None
    ) -> None:
        """Report a name that nothing declares, with the closest one that something does."""
        self.error(code, f"{kind} `{name}` is not declared", span, self.suggest(name, known) or otherwise)

    def suggest(self, word: str, known: Iterable[str]) -> str | None:
        """Return `did you mean …?` for the closest known word, as long as there is time for it."""
        words = list(known)
        self._compared += len(words)
        return suggest(word, words) if self._compared <= _MAX_COMPARED else None

    def found(self) -> list[Diagnostic]:
        """Return everything, in the order in which it was found."""
        return list(self._found.values())

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self._found.values())

    def diagnostics(self) -> list[Diagnostic]:
        """Return everything, in the order of files and places; of each file no more errors than a person reads."""
        errors: Counter[str] = Counter()
        shown: list[Diagnostic] = []
        for each in sorted(self._found.values(), key=_place):
            path = "" if each.span is None else each.span.source.path
            errors[path] += each.severity is Severity.ERROR
            if each.severity is Severity.WARNING or errors[path] <= MAX_ERRORS:
                shown.append(each)
            elif errors[path] == MAX_ERRORS + 1:
                message = f"the file has more than {MAX_ERRORS} errors: no more are shown"
                help_ = "mend these first"
                shown.append(Diagnostic(code="too_many_errors", message=message, span=each.span, help=help_))
        return shown


def _place(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    span = diagnostic.span
    if span is None:
        return ("", 0, 0, diagnostic.code)
    return (span.source.path, span.start, span.end, diagnostic.code)
