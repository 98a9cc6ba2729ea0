"""What there is to test in a policy folder: its policy, and all tests that stand beside or in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    """A policy folder with its tests; `tables` is the digest of the files of tables."""

    path: str
    policy: terms.Policy
    store: Store
    tests: tuple[terms.Test, ...]
    unspecified: tuple[Unspecified, ...] = ()
    tables: str = ""

    @property
    def digest(self) -> str:
        """What tells this suite from one of other policies, entities, grants or tests."""
        return f"{self.policy.revision} {self.store.revision} {self.tables}"

    def runner(self, policy: terms.Policy | None = None) -> Runner:
        """Return what answers the cases, by another policy where one is given."""
        return Runner(self.policy if policy is None else policy, self.store)

    def units(self) -> tuple[Unit, ...]:
        """Return all units, in the order of files and of what stands in them. No two have one id."""
        return tuple(numbered(unit for test in self.tests for unit in _units(test)))

    def only(self, names: Sequence[str], files: Sequence[str] = ()) -> tuple[Unit, ...]:
        """Return the units whose ids hold one of some texts, whatever their case, in files of one of some patterns."""
        return tuple(unit for unit in self.units() if _is_picked(unit.file, unit.id, names, files))

    def silent(self, names: Sequence[str], files: Sequence[str] = ()) -> tuple[Unspecified, ...]:
        """Return the requests of which nothing is said, picked out as units are: by their table and who asks what."""
        return tuple(
            each
            for each in self.unspecified
            if _is_picked(each.file, f"{each.file}::{each.test}: {each}", names, files)
        )


def collect(path: str) -> Suite:
    """Read a policy folder with all its tests; raise PolicyError or FactsError with every diagnostic."""
    policy, store = load(path).require()
    tables = read_tables(path, policy, store)
    if tables.diagnostics:
        raise PolicyError(tables.diagnostics)
    return Suite(
        path=path,
        policy=policy,
        store=store,
        tests=policy.tests + tables.tests,
        unspecified=tables.unspecified,
        tables=tables.digest,
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


def _is_picked(file: str, id_: str, names: Sequence[str], files: Sequence[str]) -> bool:
    named = not names or any(name.casefold() in id_.casefold() for name in names)
    return named and (not files or any(fnmatchcase(file, pattern) for pattern in files))


def numbered(units: Iterable[Unit]) -> Iterator[Unit]:
    """Give each unit a name of its own in its file: a number goes to what has that of one before.

    >>> units = [Unit(name=name, file="wiki.pdp", cases=()) for name in ("ada", "ada", "ada #2")]
    >>> [unit.name for unit in numbered(units)]
    ['ada', 'ada #3', 'ada #2']
    """
    # One request may be asked at several times, and nothing keeps two tests from having one name.
    found = list(units)
    # INVARIANT: no number makes a name that is written somewhere, since results are told apart by these.
    taken = {unit.id for unit in found}
    counts: dict[str, int] = {}
    for unit in found:
        count = counts[unit.id] = counts.get(unit.id, 0) + 1
        named = unit
        while count > 1 and named.id in taken:
            named = replace(unit, name=f"{unit.name} #{count}")
            count += 1
        counts[unit.id] = max(counts[unit.id], count - 1)
        taken.add(named.id)
        yield named
