"""The points of a policy, and of each rule what has to be looked at to tell what tests show of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass, field, replace
from pdp.evaluation import Scene, evaluate
from pdp.model import Effect
from pdp.operators import Found
from pdp.schema import Schema
from pdp.source import Span
from pdp.terms import ClauseKind
from pdp.testing.coverage.parts import Part, operands, strip
from pdp.testing.coverage.places import PRINCIPALS, RESOURCES, VIA
from pdp.testing.coverage.points import BOTH, FAILS, HOLDS, NOWHERE, Kind, Point
from pdp.values import EntityRef

_NEEDS, _UNLESS = ClauseKind.NEEDS, ClauseKind.UNLESS
_HAS_ACTOR: Final = terms.Has(base=terms.Root(name=terms.RootName.SESSION), name="actor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One scope of a rule: the types that it is about, and the entities that it names. `at` is its point, if any."""

    at: int | None
    types: frozenset[str] | None
    within: frozenset[EntityRef] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A clause whose operands are still looked for: where it stands in its rule, and the points that are waited for."""

    nth: int
    part: Part
    points: list[int]


@dataclass(slots=True, kw_only=True)
class RulePlan:
    """A rule, its points, and which of them still have to be looked for."""

    rule: terms.Rule
    at: int
    clauses: tuple[int | None, ...] = ()
    groups: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    open_clauses: list[Open] = field(default_factory=list)
    open_scopes: list[int] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """Yield every scope of the rule."""
        for each in self.groups.values():
            yield from each

    def hindrances(self, found: Sequence[tuple[terms.Clause, Found]]) -> list[int]:
        """Return the clauses that keep the rule from applying, by their places.

        A need that is not met is none: it keeps nothing from being seen, since remedies tell of all of them.
        """
        return [
            at
            for at, (clause, truth) in enumerate(found)
            if clause.kind is not _NEEDS and truth is (clause.kind is _UNLESS)
        ]

    def hindrance(self, scene: Scene) -> Hindrance | None:
        """Return what keeps the rule from applying to a question that is out of its scope; None where nothing does."""
        for clause in self.rule.clauses:
            unless = clause.kind is _UNLESS
            if clause.kind is not _NEEDS and evaluate(clause.condition, scene) is unless:
                return _least(clause.condition, unless, scene), unless
        return None


Hindrance: TypeAlias = tuple[terms.Term, bool]
"""A condition, or an operand of one, and what it comes to wherever it keeps a rule from applying."""


def _least(term: terms.Term, found: bool, scene: Scene) -> terms.Term:
    """Return the operand that settles a term by itself, or else the term."""
    while isinstance(term, terms.Or if found else terms.And):
        term = next(each for each in term.operands if evaluate(each, scene) is found)
    return term


@dataclass(slots=True, kw_only=True)
class Plan:
    """Every point of a policy, by number, and where each comes from."""

    points: list[Point] = field(default_factory=list)
    rules: dict[str, RulePlan] = field(default_factory=dict)
    by_action: dict[str, list[RulePlan]] = field(default_factory=dict)
    roles: dict[tuple[str, str], int] = field(default_factory=dict)
    grants: dict[str, tuple[terms.Rule, int]] = field(default_factory=dict)
    scopes: dict[int, tuple[terms.Rule, str, int]] = field(default_factory=dict)
    """Of the point of a scope: its rule, on which side of it, and the how manieth there."""


def make(policy: terms.Policy, *, grants: bool = False) -> Plan:
    """Return the plan of a policy; `grants` are points too where tests can reach those of the policy."""
    return _Planner(policy.schema).plan(policy, grants)


class _Planner:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._plan = Plan()
        self._known: dict[tuple[object, ...], int] = {}

    def plan(self, policy: terms.Policy, grants: bool) -> Plan:
        for rule in sorted(policy.rules, key=lambda rule: rule.id):
            if rule.role is None:
                self._rule(rule)
            elif grants:
                point = Point(kind=Kind.GRANT, owner=rule.role, text=rule.id, span=rule.span or NOWHERE, wanted=HOLDS)
                self._plan.grants[rule.id] = rule, self._point(point, rule.id)
        for name in sorted(self._schema.roles):
            self._role(name)
        return self._plan

    def _point(self, point: Point, *more: object) -> int:
        """Return the number of a point. What is written once is one point, however many rules come of it."""
        span = point.span
        key = (point.kind, point.path, span.start, span.end, *more)
        if key not in self._known:
            self._known[key] = len(self._plan.points)
            self._plan.points.append(point)
        at = self._known[key]
        first = self._plan.points[at]
        # One rule may have to show what another never can.
        self._plan.points[at] = replace(first, wanted=first.wanted | point.wanted)
        return at

    # ------------------------------------------------------------------------------------------------------- roles

    def _role(self, name: str) -> None:
        role = self._schema.roles[name]
        for action in sorted(role.actions):
            declared = self._schema.actions.get(action)
            # On none of the role's types, an action is in vain there.
            if declared is not None and declared.resources & role.types:
                point = Point(kind=Kind.ROLE, owner=name, text=action, span=role.span or NOWHERE, wanted=HOLDS)
                self._plan.roles[name, action] = self._point(point, name, action)

    # ------------------------------------------------------------------------------------------------------- rules

    def _rule(self, rule: terms.Rule) -> None:
        span = rule.span or NOWHERE
        # Without a place of its own, a rule is told from the others by its name.
        unplaced = () if rule.span else (rule.id,)
        head = _head(span)
        wanted = BOTH if self._can_fail(rule) else HOLDS
        point = Point(kind=Kind.RULE, owner=rule.id, text=rule.id, span=head, wanted=wanted)
        found = RulePlan(rule=rule, at=self._point(point, *unplaced))
        for side, scopes in ((PRINCIPALS, rule.principals), (RESOURCES, rule.resources), (VIA, rule.via)):
            if scopes is not None:
                found.groups = {**found.groups, side: self._items(rule, side, scopes, span)}
        self._clauses(rule, found, span)
        found.open_scopes = [item.at for item in found.items() if item.at is not None]
        if not rule.clauses and wanted == BOTH:
            found.open_scopes.append(found.at)
        self._plan.rules[rule.id] = found
        if found.open_scopes:
            for action in rule.actions:
                self._plan.by_action.setdefault(action, []).append(found)

    def _can_fail(self, rule: terms.Rule) -> bool:
        """Tell whether a question of the rule's actions can ever find it out of scope, or not to apply."""
        if rule.clauses or rule.via is not None or self._schema.open:
            return True
        if any(scope.within is not None for scope in (*rule.principals, *rule.resources)):
            return True
        principals, resources = ({scope.type for scope in side} for side in (rule.principals, rule.resources))
        asked = [self._schema.actions[name] for name in rule.actions if name in self._schema.actions]
        return any(
            (None not in principals and action.principals - principals)
            or (None not in resources and action.resources - resources)
            for action in asked
        )

    def _items(self, rule: terms.Rule, side: str, scopes: Sequence[terms.Scope], span: Span) -> tuple[Item, ...]:
        found = []
        for nth, scope in enumerate(scopes):
            at = None
            if scope.within is not None:
                point = Point(kind=Kind.SCOPE, owner=rule.id, text=str(scope), span=span)
                at = self._point(point, side, nth, *(() if rule.span else (rule.id,)))
                self._plan.scopes.setdefault(at, (rule, side, nth))
            within = None if scope.within is None else frozenset(scope.within)
            found.append(Item(at=at, types=self._types(scope), within=within))
        return tuple(found)

    def _types(self, scope: terms.Scope) -> frozenset[str] | None:
        if scope.type is not None:
            return frozenset({scope.type})
        if scope.within is None or self._schema.open:
            return None
        return frozenset().union(*(self._schema.members[ref.type] for ref in scope.within))

    # ----------------------------------------------------------------------------------------------------- clauses

    def _clauses(self, rule: terms.Rule, found: RulePlan, span: Span) -> None:
        clauses: list[int | None] = []
        for nth, clause in enumerate(rule.clauses):
            if _is_scope(clause):
                clauses.append(None)
                continue
            place = clause.span or clause.condition.span
            unplaced = () if place else (rule.id, nth)
            text, wanted = _text(place or NOWHERE), self._wanted(clause.condition, rule)
            point = Point(kind=Kind.CLAUSE, owner=rule.id, text=text, span=place or span, wanted=wanted)
            at = self._point(point, *unplaced)
            clauses.append(at)
            part = self._part(clause.condition, at, rule, place or span, unplaced)
            if part.parts:
                found.open_clauses.append(Open(nth=nth, part=part, points=list(part.indices())))
        found.clauses = tuple(clauses)

    def _part(self, term: terms.Term, at: int, rule: terms.Rule, span: Span, unplaced: tuple[object, ...]) -> Part:
        inner, flipped = strip(term)
        parts = []
        for nth, operand in enumerate(operands(inner)):
            # An operand without a place of its own is told from the others by where it is in its clause.
            rest = () if operand.span and not unplaced else (*(unplaced or (rule.id, at)), nth)
            place = operand.span or span
            wanted = self._wanted(operand, rule)
            point = Point(kind=Kind.OPERAND, owner=rule.id, text=_text(place), span=place, wanted=wanted)
            parts.append(self._part(operand, self._point(point, *rest), rule, place, rest))
        return Part(at=at, term=term, inner=inner, flipped=flipped, parts=tuple(parts))

    def _wanted(self, term: terms.Term, rule: terms.Rule) -> int:
        """Return the outcomes that a condition has: a rule about whoever acts is never asked where nobody does."""
        inner, flipped = strip(term)
        if inner == _HAS_ACTOR and self._needs_actor(rule):
            return FAILS if flipped else HOLDS
        return BOTH

    def _needs_actor(self, rule: terms.Rule) -> bool:
        """Tell whether a rule is in scope only where somebody acts for the principal."""
        if rule.via is not None:
            return True
        if rule.effect is Effect.PERMIT or self._schema.open:
            return False
        # A forbid holds for who acts as well, and entities of these types may never ask for themselves.
        types = [self._types(scope) for scope in rule.principals]
        asking = [self._schema.actions[name].principals for name in rule.actions if name in self._schema.actions]
        return all(found is not None and not any(found & each for each in asking) for found in types)


def _is_scope(clause: terms.Clause) -> bool:
    """Tell whether a clause stands for `principal == …` in the scope of a policy of Cedar: that is seen as a scope."""
    condition = clause.condition
    return isinstance(condition, terms.Same) and condition.span is not None and condition.span == clause.span


def _head(span: Span) -> Span:
    """Return the first line of a span: a rule is marked there."""
    first = span.text.split("\n", 1)[0].rstrip()
    return Span(span.source, span.start, span.start + len(first))


def _text(span: Span) -> str:
    return " ".join(span.text.split())
