"""What there is to test in a policy folder: its policy, and all tests that stand beside or in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pdp import terms
from pdp.entities import Store
from pdp.errors import PolicyError
from pdp.folder import load
from pdp.testing.runner import Case, Runner
from pdp.testing.runner import Unspecified as Unspecified
from pdp.testing.tables import read_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What passes or fails as one: a `test` block with all that it expects, or one request of a table."""

    name: str
    file: str
    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """The name by which it is picked out: its file, and its name there."""
        return f"{self.file}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A policy folder with its tests."""

    path: str
    policy: terms.Policy
    store: Store
    tests: tuple[terms.Test, ...]
    unspecified: tuple[Unspecified, ...] = ()

    def runner(self, policy: terms.Policy | None = None) -> Runner:
        """Return what answers the cases, by another policy where one is given."""
        return Runner(self.policy if policy is None else policy, self.store)

    def units(self) -> tuple[Unit, ...]:
        """Return all units, in the order of files and of what stands in them. No two have one id."""
        return tuple(_numbered(unit for test in self.tests for unit in _units(test)))

    def only(self, names: Sequence[str], files: Sequence[str] = ()) -> tuple[Unit, ...]:
        """Return the units whose ids hold one of some texts, whatever their case, in files of one of some patterns."""
        wanted = [name.casefold() for name in names]
        return tuple(
            unit
            for unit in self.units()
            if (not wanted or any(name in unit.id.casefold() for name in wanted))
            and (not files or any(fnmatchcase(unit.file, pattern) for pattern in files))
        )


def collect(path: str) -> Suite:
    """Read a policy folder with all its tests; raise PolicyError or FactsError with every diagnostic."""
    policy, store = load(path).require()
    tables = read_tables(path, policy, store)
    if tables.diagnostics:
        raise PolicyError(tables.diagnostics)
    return Suite(
        path=path, policy=policy, store=store, tests=policy.tests + tables.tests, unspecified=tables.unspecified
    )


def file_of(test: terms.Test) -> str:
    """Return the file in which a test stands, by its path from the folder."""
    return "" if test.span is None else test.span.source.path


def is_table(test: terms.Test) -> bool:
    """Tell whether a test is a table of requests, which pass or fail one by one."""
    return not file_of(test).endswith(".pdp")


def _units(test: terms.Test) -> Iterator[Unit]:
    file = file_of(test)
    cases = [
        Case(test=test, stage=stage, expectation=expectation)
        for stage in test.stages
        for expectation in stage.expectations
    ]
    if not is_table(test):
        yield Unit(name=test.name, file=file, cases=tuple(cases))
        return
    for case in cases:
        asked = case.expectation
        name = f"{test.name}: {asked.principal} to {asked.action} on {asked.resource}"
        yield Unit(name=name, file=file, cases=(case,))


def _numbered(units: Iterator[Unit]) -> Iterator[Unit]:
    # One request may be asked at several times, and nothing keeps two tests from having one name.
    seen: dict[str, int] = {}
    for unit in units:
        count = seen[unit.id] = seen.get(unit.id, 0) + 1
        yield unit if count == 1 else replace(unit, name=f"{unit.name} #{count}")
