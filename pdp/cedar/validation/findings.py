"""Where the validator's findings are collected, with the environment that they were found in."""

from __future__ import annotations

from collections.abc import Iterable

from pdp.cedar import tree
from pdp.cedar.validation.world import Environment
from pdp.checker.report import Report
from pdp.errors import Diagnostic, Severity


class Findings:
    """The diagnostics of a set of policies. The same code at the same place is one finding, in however many
    environments it shows.
    """

    def __init__(self) -> None:
        self.report = Report()
        self.environment: Environment | None = None
        """What is being looked at, where a policy is about more than one environment."""

    def error(self, code: str, message: str, at: tree.Node, help: str | None = None, *, typed: bool = False) -> None:
        """Report an error. `typed` says that other environments may not have it."""
        if typed and self.environment is not None:
            message = f"{message}, for `{self.environment}`"
        self.report.add(Diagnostic(code=code, message=message, span=at.span, help=help))

    def warn(self, code: str, message: str, at: tree.Node, help: str | None = None) -> None:
        """Report a warning."""
        severity = Severity.WARNING
        self.report.add(Diagnostic(code=code, message=message, span=at.span, help=help, severity=severity))

    def suggest(self, word: str, known: Iterable[str]) -> str | None:
        """Return `did you mean …?` for the closest known word, or None."""
        return self.report.suggest(word, known)


_SHOWN = 60


def written(node: tree.Node) -> str:
    """Return an expression as it was written, on one line, for a message."""
    text = "…" if node.span is None else " ".join(node.span.text[: 2 * _SHOWN].split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
