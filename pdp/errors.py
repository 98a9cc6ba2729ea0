"""Everything that can go wrong, as data.

PdpError
├── DiagnosticError           carries diagnostics, each with a code and a place
│   ├── PolicyError           the policy text does not hold up
│   └── FactsError            entity data does not hold up
├── RequestError              a request cannot even be asked
├── EndlessSourceError        sources name ever more entities that others are in
├── FailedSourceError         a source of entities failed, and nothing may be decided without it
├── RemoteError               a sidecar gave no answer, or refused
├── TokenError                a token, or what is shown with it, proves nothing
├── RecordError               a record of facts cannot be read or written, or is not the one that it was
└── Denied                    what is not allowed is not begun (in pdp.enforcement, with its decision)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from pdp.classes import dataclass
from pdp.source import Span


class Severity(StrEnum):
    """How much a diagnostic weighs: an error stops the load, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding: a code of `pdp.codes`, a message in the terms of the policy, where, and what would help."""

    code: str
    message: str
    span: Span | None = None
    help: str | None = None
    notes: tuple[tuple[str, Span], ...] = ()
    severity: Severity = Severity.ERROR

    def to_json(self) -> dict[str, Any]:
        """Return the diagnostic as plain data, with lines and columns counted from 1."""
        found: dict[str, Any] = {"severity": str(self.severity), "code": self.code, "message": self.message}
        if self.span is not None:
            found |= _place(self.span)
            found["text"] = self.span.text
        if self.help is not None:
            found["help"] = self.help
        if self.notes:
            found["notes"] = [{"message": message, **_place(span)} for message, span in self.notes]
        return found

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span is not None else ""
        help_ = f" (help: {self.help})" if self.help is not None else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}{help_}"


def _place(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


class PdpError(Exception):
    """The root of every error that pdp raises."""


class DiagnosticError(PdpError):
    """An error made of diagnostics, in the order of files and positions."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class PolicyError(DiagnosticError):
    """The policy folder does not check: nothing of it is loaded."""


class FactsError(DiagnosticError):
    """Entity data is not what the schema declares, or holds together badly: nothing of it is loaded."""


class RequestError(PdpError):
    """A request that the caller built wrongly, such as a session that is not a mapping."""


class EndlessSourceError(PdpError):
    """Providers were asked for more entities in one decision than any hierarchy has: they make them up."""


class FailedSourceError(PdpError):
    """A provider failed to say what an entity is, where the policies would skip the rules that cannot tell."""


class RecordError(PdpError):
    """A record of facts cannot be read or written.

    `lasting` says that it is damaged, or not the one that it was: to try again does not help, a person has to look.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class RemoteError(PdpError):
    """A sidecar gave no answer to what is no decision, or refused; `code` says why in one word.

    It is `unreachable`, `deadline_exceeded`, `garbled`, `closed`, or what the sidecar says, such as `not_permitted`.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class TokenError(PdpError):
    """A token, a certificate or a proof is not taken; `code` is one of `pdp.identity.refusals.REFUSALS`.

    The message says what failed, and never holds any of what was shown. `passing` says that nothing is known to be
    wrong with it: keys, or an answer about it, could not be had, and to try again may help.
    """

    def __init__(self, message: str, *, code: str, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing


def article(name: object) -> str:
    """Return a name as policies write it, with its article.

    >>> article("Agent"), article("User")
    ('an `Agent`', 'a `User`')
    """
    # Not by the letter u: most names that start with it, such as User and Unit, sound as if by a y.
    return f"{'an' if str(name)[:1].upper() in 'AEIO' else 'a'} `{name}`"


_LONGEST: Final = 100


def listed(names: Iterable[str], none: str) -> str:
    """Return names as a help line shows them, the first of very many; or what stands for none.

    >>> listed(["b", "a"], "nothing"), listed([], "nothing")
    ('b, a', 'nothing')
    >>> listed((f"n{number}" for number in range(100)), "nothing")[-12:]
    ' and 80 more'
    """
    known = list(names)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return (", ".join(known[:_SHOWN]) + more) or none


_SHOWN: Final = 20


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean …?` for the closest known word, or None where none is close.

    Words that are too long for a slip of the pen are passed over: to compare them takes the square of their length.

    >>> suggest("clearence", ["clearance", "email"])
    'did you mean `clearance`?'
    >>> suggest("ship", ["depot.ship", "shop.read"])
    'did you mean `depot.ship`?'
    """
    import difflib

    if len(word) > _LONGEST:
        return None
    names = sorted({name for name in known if len(name) <= _LONGEST})
    # Outside of policies, a name that two namespaces declare is known by its full name only.
    for name in names:
        if name.lower().endswith(f".{word.lower()}"):
            return f"did you mean `{name}`?"
    folded = {name.lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(word.lower(), list(folded), n=1, cutoff=0.65)
    return f"did you mean `{folded[close[0]]}`?" if close else None
