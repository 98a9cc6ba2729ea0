"""What is wrong with a configuration, each at its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pdp.configuration.places import Path, Places
from pdp.errors import Diagnostic, DiagnosticError, suggest
from pdp.source import Source, Span

MOST: Final = 50
"""Findings that are told; whoever has more mends some first."""


class ConfigurationError(DiagnosticError):
    """The configuration does not hold up: nothing of it is used."""


class Report:
    """Collects what is wrong. A path stands in the file, or is given by a flag or by the environment."""

    def __init__(self, source: Source | None = None, places: Places | None = None) -> None:
        self.found: list[Diagnostic] = []
        self._source = Source("", "") if source is None else source
        self._places = Places() if places is None else places
        self._given: dict[Path, Source] = {}

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.found

    def give(self, path: Path, source: Source) -> None:
        """Say that a value, and all in it, stands elsewhere than in the file."""
        self._given = {each: other for each, other in self._given.items() if each[: len(path)] != path}
        self._given[path] = source

    def source(self, path: Path) -> Source | None:
        """Return what else than the file gives a value; None for the file, or for nothing."""
        return next((self._given[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._given), None)

    def add(self, code: str, path: Path, message: str, help: str | None = None, *, key: bool = False) -> None:
        """Note what is wrong with a value, or with its key."""
        if len(self.found) < MOST:
            self.found.append(Diagnostic(code=code, message=message, span=self._span(path, key=key), help=help))

    def unknown(self, path: Path, known: Iterable[str], what: str) -> None:
        """Note a key that means nothing. Its value is not shown: it may be a secret whose name is misspelt."""
        self.mask(path)
        name, names = str(path[-1]), sorted(known)
        help_ = suggest(name, names) or f"there are {', '.join(f'`{each}`' for each in names)}"
        self.add("unknown_key", path, f"there is no `{name}` {what}", help_, key=True)

    def mask(self, path: Path) -> None:
        """Keep a value from being shown, here and in the excerpts of whatever else is wrong on its line."""
        source = self.source(path)
        if source is not None:
            source.text = "*" * len(source.text)
        elif path in self._places.values:
            start, end = self._places.values[path]
            text = self._source.text
            hidden = "".join("*" if each not in "\r\n" else each for each in text[start:end])
            self._source.text = text[:start] + hidden + text[end:]

    def _span(self, path: Path, *, key: bool) -> Span | None:
        source = self.source(path)
        if source is not None:
            return Span(source, 0, len(source.text))
        if not self._source.path:
            return None
        start, end = self._places.key(path) if key else self._places.of(path)
        return Span(self._source, start, end)

    def require(self) -> None:
        """Raise ConfigurationError where anything is wrong, in the order of files and places."""
        if self.found:
            raise ConfigurationError(sorted(self.found, key=_place))


def _place(each: Diagnostic) -> tuple[int, str, int]:
    return (0, "", 0) if each.span is None else (1, each.span.source.path, each.span.start)
