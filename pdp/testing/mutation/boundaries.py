"""Writes the cases at the edges of conditions that a suite does not have: for a person to read, and then to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from pdp import terms
from pdp.checker.names import Kind, Names
from pdp.classes import dataclass, replace
from pdp.evaluation import Scene, evaluate
from pdp.flips.changes import Fact, InContext, InSession, OfEntity, Time, current
from pdp.flips.wishes import Wishes
from pdp.folder import read_folder
from pdp.interpreter import judge
from pdp.operators import Found
from pdp.testing.mutation.moves import Move, known_of, wished
from pdp.testing.mutation.mutants import Mutant, mutants
from pdp.testing.mutation.operators import Operator
from pdp.testing.mutation.pairs import exact
from pdp.testing.mutation.scribe import Scribe
from pdp.testing.mutation.telling import Teller
from pdp.testing.mutation.trees import written
from pdp.testing.mutation.worlds import World, needed, world_of
from pdp.testing.runner import cases
from pdp.testing.suites import Suite
from pdp.values import Datetime, Decimal, Duration, Ip, Unknown, Value, equal

NOTE: Final = """\
# Written by pdp: cases at the edges of conditions. What they expect is what the policy answers today, right or wrong.
# Read each of them, and keep those that you mean.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    rule: terms.Rule
    clause: terms.Clause
    fact: Fact | None
    world: World

    @property
    def name(self) -> str:
        return f"{self.rule.id}: {written(self.clause.condition)}: {_told(self.fact)}".replace('"', "'")


def boundary_cases(suite: Suite) -> dict[str, str]:
    """Return texts with the cases that a suite lacks at the edges of its conditions, by the namespace they are for.

    There are none for policies of Cedar, and for those that have a case at every edge.
    """
    if suite.policy.schema.is_cedar:
        return {}
    scribe = Scribe(suite.policy, read_folder(suite.path)[0])
    found: dict[str, list[tuple[str, str]]] = {}
    for edges in _grouped(_edges(suite)):
        rule = edges[0].rule
        file = "" if rule.span is None else rule.span.source.path
        worlds = [(edge.world, _answer(suite, edge.world)) for edge in edges]
        for home, text in scribe.texts(file, edges[0].name, worlds):
            test = scribe.read(home, text)
            if test is not None and scribe.passes(test):
                found.setdefault(scribe.names(home).namespace, []).append((home, text))
                break
    return {namespace: _file(scribe, texts) for namespace, texts in sorted(found.items())}


def _file(scribe: Scribe, texts: Sequence[tuple[str, str]]) -> str:
    names = [scribe.names(file) for file, _ in texts]
    imports = sorted({line for each, (_, text) in zip(names, texts, strict=True) for line in _imports(each, text)})
    lines = [f"namespace {names[0].namespace}", *([""] if imports else []), *imports] if names[0].namespace else imports
    head = "\n".join([NOTE, *lines]) + "\n" if lines else NOTE
    return "\n".join([head, *(text for _, text in texts)])


def _imports(names: Names, text: str) -> Iterator[str]:
    """Yield what a test needs of what its file imports."""
    words = set(_words(text))
    for word in names.imported.keys() & words:
        for kind in Kind:
            symbol = names.tables[kind].get(word)
            if symbol is not None and symbol.namespace != names.namespace:
                alias = "" if symbol.short == word else f" as {word}"
                yield f"import {symbol.namespace}: {symbol.short}{alias}"


def _words(text: str) -> Iterator[str]:
    word = ""
    for char in f"{text} ":
        if char.isalnum() or char == "_":
            word += char
        elif word:
            yield word
            word = ""


def _grouped(edges: Iterable[_Edge]) -> Iterator[list[_Edge]]:
    """Yield edges that one test can hold: of one clause and one fact, in one world but for what is asked in it."""
    groups: dict[str, list[_Edge]] = {}
    for edge in edges:
        world = edge.world
        given = world.nodes.values(), world.grants, world.approvals, world.revocations
        groups.setdefault(repr((edge.name, *map(list, given))), []).append(edge)
    for group in groups.values():
        yield sorted(group, key=lambda edge: edge.world.now)


def _answer(suite: Suite, world: World) -> terms.Expectation:
    scene = world.scene(suite.policy.schema)
    rules = tuple(rule for rule in suite.policy.rules if rule.role is None) + world.grants
    judgement = judge(replace(suite.policy, rules=rules), scene.question, scene.facts)
    found = exact(judgement, world)
    return replace(found, erring=found.erring or None, needs=None, obligations=None, until=None, standing=False)


# --------------------------------------------------------------------------------------------------------------- edges


_DROPPED: Final = (Operator.CLAUSE, Operator.NEED, Operator.TIME)


def _edges(suite: Suite) -> Iterator[_Edge]:
    """Yield the edges of each clause, in a world in which it settles the answer."""
    grants = [rule for rule in suite.policy.rules if rule.role is not None]
    worlds = [world_of(case, suite.store, grants) for case in cases(suite.tests)]
    teller = Teller(suite.policy, worlds)
    for mutant in sorted(mutants(suite.policy), key=lambda mutant: str(mutant.span)):
        clause = _dropped(mutant) if mutant.operator in _DROPPED else None
        told = None if clause is None else next(teller.find(mutant), None)
        if clause is None or told is None or mutant.before is None:
            continue
        alone = replace(mutant.before, clauses=(clause,))
        for move in _at_edges(told.world, alone, suite):
            if not _is_there(move, clause, worlds, suite):
                yield _Edge(rule=mutant.before, clause=clause, fact=move.fact, world=needed(move.world))


def _dropped(mutant: Mutant) -> terms.Clause | None:
    """Return the clause that a mutant lacks."""
    before, after = mutant.before, mutant.after
    if before is None or after is None or len(after.clauses) == len(before.clauses):
        return None
    return next((clause for clause in before.clauses if not any(clause is each for each in after.clauses)), None)


def _at_edges(world: World, rule: terms.Rule, suite: Suite) -> Iterator[Move]:
    """Yield the changes of one fact at which a clause comes to something else, those right beside them, and absence.

    Of what is joined by `and`, one part makes a difference where the others hold; by `or`, where they do not.
    """
    before = evaluate(rule.clauses[0].condition, world.scene(suite.policy.schema))
    found = _moved(world, rule, suite)
    turned = (
        move for moves in found.values() for move, truth in moves[1:] if move.value is not None and truth is not before
    )
    other = next(turned, None)
    shown: set[Fact | None] = set()
    for moves in (found, {} if other is None else _moved(other.world, rule, suite)):
        for fact, each in moves.items():
            kept = [] if fact in shown else list(_told_apart(each))
            if any(move.value is not None for move in kept):
                shown.add(fact)
            yield from kept


def _moved(world: World, rule: terms.Rule, suite: Suite) -> dict[Fact | None, list[tuple[Move, Found]]]:
    """Return for each fact of a clause what may become of it, as it is first, and what the clause comes to then."""
    schema, condition = suite.policy.schema, rule.clauses[0].condition
    scene = world.scene(schema)
    wishes = Wishes(scene, schema, known_of(world, schema))
    wishes.condition(condition)
    found: dict[Fact | None, dict[str, tuple[Move, Found]]] = {}
    for move in wished(world, wishes, [rule], schema):
        if move.fact is None or isinstance(move.fact, InContext | InSession | OfEntity | Time):
            start = {"": (_unmoved(world, move.fact, scene), evaluate(condition, scene))}
            truth = evaluate(condition, move.world.scene(schema))
            found.setdefault(move.fact, start).setdefault(repr(move.world), (move, truth))
    return {fact: list(each.values()) for fact, each in found.items()}


def _unmoved(world: World, fact: Fact | None, scene: Scene) -> Move:
    if fact is None:
        return Move(world=world)
    value = Datetime(scene.question.now) if isinstance(fact, Time) else current(fact, scene)
    return Move(world=world, fact=fact, value=None if isinstance(value, Unknown) else value)


def _told_apart(found: Sequence[tuple[Move, Found]]) -> Iterator[Move]:
    """Yield pairs of values beside each other that come to different things, else one example of each, and absence."""
    ranked = sorted(((rank, *each) for each in found if (rank := _rank(each[0].value)) is not None), key=_first)
    kept = [move for pair in pairwise(ranked) if _beside(*pair) for _, move, _ in pair]
    kept = kept or [move for move, _ in _examples(found[1:], found[0][1])]
    kept += [move for move, truth in found[1:] if move.value is None and move.fact and truth is not found[0][1]]
    yield from {id(move): move for move in kept}.values()


def _first(found: tuple[tuple[str, int], Move, Found]) -> tuple[str, int]:
    return found[0]


def _beside(one: tuple[tuple[str, int], Move, Found], two: tuple[tuple[str, int], Move, Found]) -> bool:
    """Tell whether two values are right beside each other, and come to different things."""
    (kind, low), _, first = one
    (other, high), _, second = two
    return kind == other and high - low == 1 and first is not second


def _examples(found: Iterable[tuple[Move, Found]], now: Found) -> Iterator[tuple[Move, Found]]:
    """Yield one change for each thing that a clause may come to."""
    seen: list[Found] = [now]
    for move, truth in found:
        if move.value is not None and not any(truth is each for each in seen):
            seen.append(truth)
            yield move, truth


def _rank(value: Value | None) -> tuple[str, int] | None:
    match value:
        case bool():
            return None
        case int():
            return ("int", value)
        case Decimal():
            return ("decimal", value.units)
        case Datetime() | Duration():
            return (type(value).__name__, value.micros)
        case Ip() if value.first == value.last:
            return (f"ip {value.version}", value.first)
        case _:
            return None


def _is_there(move: Move, clause: terms.Clause, worlds: Iterable[World], suite: Suite) -> bool:
    """Tell whether a request of the suite has a fact as it is in a move, and its clause comes to the same."""
    schema, fact = suite.policy.schema, move.fact
    if fact is None:
        return any(world.approvals == move.world.approvals for world in worlds)
    truth = evaluate(clause.condition, move.world.scene(schema))
    for world in worlds:
        scene = world.scene(schema)
        value = Datetime(scene.question.now) if isinstance(fact, Time) else current(fact, scene)
        if world.asked == move.world.asked and _same(value, move.value) and evaluate(clause.condition, scene) is truth:
            return True
    return False


def _same(one: object, two: object) -> bool:
    return one is two or (type(one) is type(two) and equal(one, two))  # type: ignore[arg-type]  # Both are values.


def _told(fact: Fact | None) -> str:
    match fact:
        case InContext(name=name):
            return f"context.{name}"
        case InSession(name=name):
            return f"session.{name}"
        case OfEntity(entity=entity, name=name):
            return f"{entity}.{name}"
        case Time():
            return "the time"
        case _:
            return "approvals"
