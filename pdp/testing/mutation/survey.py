"""Which mutants of a policy its tests let live, and for each of these the test to add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pdp.classes import dataclass
from pdp.folder import read_folder
from pdp.model import Node
from pdp.testing.mutation.bench import Bench
from pdp.testing.mutation.mutants import Mutant, mutants
from pdp.testing.mutation.scribe import Scribe, Written
from pdp.testing.mutation.telling import Teller, Told
from pdp.testing.mutation.worlds import World, world_of
from pdp.testing.runner import cases
from pdp.testing.suites import Suite, collect
from pdp.values import Unknown, Value, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A mutant that no test notices: the test to add, or else the request that tells it from the policy, if any is."""

    mutant: Mutant
    added: Written | None = None
    request: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All mutants of a policy, in the order of places, and those that live."""

    mutants: tuple[Mutant, ...]
    survivors: tuple[Survivor, ...]

    @property
    def killed(self) -> int:
        """How many mutants are noticed."""
        return len(self.mutants) - len(self.survivors)


class Surveyor:
    """Looks at the mutants of one suite, by their numbers."""

    def __init__(self, suite: Suite) -> None:
        policy, grants = suite.policy, [rule for rule in suite.policy.rules if rule.role is not None]
        self.mutants = tuple(sorted(mutants(policy), key=_place))
        self._names = [*_names(self.mutants, {test.name for test in suite.policy.tests})]
        self._bench = Bench(suite.runner(), suite.tests)
        self._teller = Teller(policy, [world_of(case, suite.store, grants) for case in cases(suite.tests)])
        self._scribe = None if policy.schema.is_cedar else Scribe(policy, read_folder(suite.path)[0])

    def look(self, number: int) -> Survivor | None:
        """Return a mutant as one that survives, or None."""
        mutant = self.mutants[number]
        if self._bench.kills(mutant):
            return None
        name = self._names[number]
        request = None
        for told in self._teller.find(mutant):
            written = None if self._scribe is None else self._scribe.tell(mutant, told, name)
            if written is not None:
                return Survivor(mutant=mutant, added=written)
            request = request or request_json(told)
        return Survivor(mutant=mutant, request=request)


def survey(suite: Suite, jobs: int = 1) -> Survey:
    """Look at every mutant of a suite, by so many processes. What comes of it does not depend on how many."""
    surveyor = Surveyor(suite)
    numbers = range(len(surveyor.mutants))
    found = map(surveyor.look, numbers) if jobs <= 1 else _parallel(suite.path, surveyor, jobs)
    survivors = tuple(each for each in found if each is not None)
    return Survey(mutants=surveyor.mutants, survivors=survivors)


def _place(mutant: Mutant) -> tuple[str, int]:
    return ("", 0) if mutant.span is None else (mutant.span.source.path, mutant.span.start)


def _names(mutants: Sequence[Mutant], taken: set[str]) -> Iterator[str]:
    """Yield the name of a test for each mutant, none of them twice and none that a test has already."""
    for mutant in mutants:
        name = f"{mutant.rule}: notices where {mutant.text}".replace("`", "").replace('"', "'")
        count, found = 1, name
        while found in taken:
            count += 1
            found = f"{name} ({count})"
        taken.add(found)
        yield found


# --------------------------------------------------------------------------------------------------------- processes

_SURVEYOR: list[Surveyor] = []


def _begin(path: str) -> None:
    _SURVEYOR[:] = [Surveyor(collect(path))]


def _look(number: int) -> tuple[str, bool, Written | None, dict[str, Any] | None]:
    surveyor = _SURVEYOR[0]
    if number >= len(surveyor.mutants):
        return "", False, None, None
    found, name = surveyor.look(number), str(surveyor.mutants[number])
    return (name, False, None, None) if found is None else (name, True, found.added, found.request)


def _parallel(path: str, surveyor: Surveyor, jobs: int) -> Iterator[Survivor | None]:
    # What takes long to import is needed here alone.
    from concurrent.futures import ProcessPoolExecutor

    numbers = range(len(surveyor.mutants))
    with ProcessPoolExecutor(max_workers=jobs, initializer=_begin, initargs=(path,)) as pool:
        for number, (name, lives, added, request) in zip(numbers, pool.map(_look, numbers, chunksize=4), strict=True):
            mutant = surveyor.mutants[number]
            if name != str(mutant):
                # The folder has changed meanwhile: what another process read says nothing of this policy.
                yield surveyor.look(number)
            else:
                yield Survivor(mutant=mutant, added=added, request=request) if lives else None


# -------------------------------------------------------------------------------------------------------- plain data


def request_json(told: Told) -> dict[str, Any]:
    """Return a request, its world and what is expected as plain data, values as the policy language writes them."""
    world, expected = told.world, told.expectation
    return {
        "principal": str(world.principal),
        "action": world.action,
        "resource": str(world.resource),
        "context": _fields(world.context.items()),
        "session": None if world.session is None else _fields(world.session.items()),
        "at": str(world.now),
        "entities": [_entity(node) for node in world.nodes.values()],
        "approvals": [_approval(world, number) for number in range(len(world.approvals))],
        "expect": "allow" if expected.allow else "deny",
        "by": None if expected.rules is None else sorted(expected.rules),
    }


def _fields(items: Any) -> dict[str, str]:
    found: Sequence[tuple[str, Value | Unknown]] = list(items)
    return {name: show(value) for name, value in found}


def _entity(node: Node) -> dict[str, Any]:
    return {
        "entity": str(node.ref),
        "attributes": _fields(node.attributes.items()),
        "parents": [str(step.parent) for step in node.parents],
    }


def _approval(world: World, number: int) -> dict[str, Any]:
    each = world.approvals[number]
    return {"by": str(each.approver), "at": str(each.at), "of": None if each.of is None else show(each.of)}
