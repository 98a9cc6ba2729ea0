"""Every set of a few changes, by brute force: which facts there are and what they could be is thought of anew here.

Nothing of this asks what a rule looked at, or how the search thinks of values.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

from pdp import terms
from pdp.evaluation import Question
from pdp.flips.changes import (
    NOW,
    ApprovedBy,
    Change,
    Fact,
    InContext,
    InSession,
    Lifted,
    OfEntity,
    OnRecord,
    Within,
    apply,
    size,
)
from pdp.interpreter import judge
from pdp.model import Node, RevocationKind
from pdp.ports import Facts
from pdp.types import FieldType, RecordType, SetType
from pdp.values import Datetime, Decimal, Duration, EntityRef, Ip, Record, Unknown, Value, ValueSet, equal
from tests.differential import world
from tests.differential.conditions import kind_of
from tests.flips.cases import HELD, Case


class Brute:
    """All changes of one case, one by one, and whether any few of them turn the answer around."""

    def __init__(self, case: Case, question: Question, facts: Facts, rng: random.Random) -> None:
        self.case, self.question, self.facts, self.rng = case, question, facts, rng
        self.schema = case.policy.schema
        self.before = judge(case.policy, question, facts).outcome
        self.names = frozenset(names_in(case.policy))
        self.constants = [*constants_in(case.policy)]
        self.changes = list(self._changes())

    def flips(self, changes: Iterable[Change]) -> bool:
        """Tell whether some changes turn the answer around."""
        question, facts = apply(changes, self.question, self.facts, self.schema)
        return judge(self.case.policy, question, facts).outcome is not self.before

    def sets(self, count: int, most: int) -> Iterator[tuple[Change, ...]]:
        """Yield sets of so many changes of different facts: all of them, or so many at random."""
        changes = self.changes
        total = len(changes) ** count
        if count == 1:
            yield from ((each,) for each in changes)
        elif total <= most:
            yield from itertools.combinations(changes, count)
        else:
            for _ in range(most):
                yield tuple(self.rng.choice(changes) for _ in range(count))

    def smaller(self, than: int, most: int) -> tuple[Change, ...] | None:
        """Return a valid set of fewer facts that turns the answer around, if one is found."""
        for count in range(1, than):
            for found in self.sets(count, most):
                if self.flips(found) and self.holds(found) and size(found, self.question, self.facts) < than:
                    return found
        return None

    def holds(self, changes: Sequence[Change]) -> bool:
        """Tell whether facts could be so: each changed once, nobody in one who is not there, or in themselves."""
        if len({change.fact for change in changes}) < len(changes):
            return False
        _, facts = apply(changes, self.question, self.facts, self.schema)
        given = [change.fact for change in changes if isinstance(change.fact, Within) and change.value is True]
        return not any(facts.node(fact.parent) is None or loops(fact.entity, facts) for fact in given)

    # ------------------------------------------------------------------------------------------------- what there is

    def _changes(self) -> Iterator[Change]:
        action = self.schema.actions[self.question.action]
        for name, declared in action.context.fields.items():
            if name in self.names:
                yield from self._values(InContext(name), declared, self.question.context.get(name))
        session = self.question.session or {}
        for name, declared in action.session.fields.items():
            if name in self.names or self.question.session is not None:
                yield from self._values(InSession(name), declared, session.get(name))
        for ref in sorted({*HELD, *self._refs()}):
            yield from self._of_entity(ref)
        yield from self._approved()
        yield from self._lifted()
        yield from (Change(NOW, Datetime(each)) for each in self._instants() if each > self.question.now)

    def _refs(self) -> Iterator[EntityRef]:
        yield from (each for each in self.constants if isinstance(each, EntityRef))
        yield from (self.question.principal, self.question.resource)

    def _of_entity(self, ref: EntityRef) -> Iterator[Change]:
        node = self.facts.node(ref)
        if node is None:
            yield Change(OnRecord(ref), True)
        if not isinstance(node, Node):
            return
        for name, declared in self.schema.entities[ref.type].attributes.fields.items():
            if name in self.names:
                found = self._values(OfEntity(ref, name), declared, node.attributes.get(name))
                yield from (each for each in found if declared.optional or each.value is not None)
        now = {step.parent for step in node.parents}
        yield from (Change(Within(ref, parent), False) for parent in sorted(now))
        for parent in sorted({*HELD, *self._refs()}):
            if parent.type in self.schema.entities[ref.type].parents and parent != ref:
                yield Change(Within(ref, parent), True)

    def _approved(self) -> Iterator[Change]:
        found = [
            each for rule in self.case.policy.rules for clause in rule.clauses for each in terms.walk(clause.condition)
        ]
        if self.facts.approvals is None or not any(isinstance(each, terms.Approvals) for each in found):
            return
        bound = [None, *(each for each in self.question.context.values() if not isinstance(each, Unknown))]
        bound += [True, False, 0, 1, *(each.of for each in self.facts.approvals)]
        for ref in (*world.REFS["User"][:2], world.REFS["Bot"][0]):
            if self.facts.node(ref) is not None:
                for of in bound:
                    if of is None or isinstance(of, bool | int | str) or of in world.MODES:
                        yield Change(ApprovedBy(ref, of), True)
                        yield Change(ApprovedBy(ref, of), False)

    def _lifted(self) -> Iterator[Change]:
        yield from (Change(Lifted(RevocationKind.PRINCIPAL, ref), True) for ref in self.case.revoked)
        for name in self.case.revoked_sessions:
            for kind in (RevocationKind.TOKEN, RevocationKind.SESSION):
                yield Change(Lifted(kind, None, name), True)

    def _values(self, fact: Fact, declared: FieldType, now: Value | Unknown | None) -> Iterator[Change]:
        seen: set[tuple[type, Value]] = set()
        for value in self._pool(declared):
            if (value.__class__, value) not in seen and not (now.__class__ is value.__class__ and equal(now, value)):
                seen.add((value.__class__, value))
                yield Change(fact, value)
        if now is not None:
            yield Change(fact, None)

    # ---------------------------------------------------------------------------------------------------- what it is

    def _pool(self, declared: FieldType) -> Iterator[Value]:
        kind = declared.type
        if isinstance(kind, SetType) and kind.element is not None:
            elements = list(dict.fromkeys(self._plain(kind_of(kind.element))))[:8]
            for count in (0, 1, 2):
                yield from (ValueSet(each) for each in itertools.combinations(elements, count))
            yield ValueSet(elements)
            yield from (
                each for each in self.constants if isinstance(each, ValueSet) and self._fits(each, kind.element)
            )
        elif isinstance(kind, RecordType):
            fields = [
                [(name, None), *((name, each) for each in [*self._plain(kind_of(inner.type))][:6])]
                for name, inner in kind.fields.items()
            ]
            for chosen in itertools.product(*fields):
                found = {name: each for name, each in chosen if each is not None}
                if all(inner.optional or name in found for name, inner in kind.fields.items()):
                    yield Record(found)
        else:
            yield from self._plain(kind_of(kind))

    def _fits(self, value: ValueSet, element: object) -> bool:
        pool = next(iter(self._plain(kind_of(element))), None)  # type: ignore[arg-type]
        return all(each.__class__ is pool.__class__ for each in value)

    def _plain(self, kind: str) -> Iterator[Value]:
        if kind == "Datetime":
            yield from (Datetime(each) for each in self._instants())
            return
        if kind == "holder":
            yield from (*world.REFS["User"][:2], *world.REFS["Bot"][:1])
            return
        if kind in world.REFS:
            yield from (ref for ref in HELD if ref.type == kind)
            yield EntityRef(kind, "nobody")
            yield from (each for each in self.constants if isinstance(each, EntityRef) and each.type == kind)
            return
        pool = world.POOLS[kind]
        yield from pool
        yield from self._beside(pool)

    def _beside(self, pool: Sequence[Value]) -> Iterator[Value]:
        for each in self.constants:
            if each.__class__ is pool[0].__class__ and not isinstance(each, bool | Record | ValueSet):
                yield each
                match each:
                    case int():
                        yield from (one for one in (each + 1, each - 1) if -(2**63) <= one < 2**63)
                    case Decimal():
                        yield from (Decimal(max(each.units - 1, -(2**63))), Decimal(min(each.units + 1, 2**63 - 1)))
                    case Duration():
                        yield from (Duration(each.micros - 1), Duration(each.micros + 1))
                    case Ip():
                        yield from (Ip(each.version, one, one) for one in (each.first, each.last))
                    case _:
                        pass

    def _instants(self) -> Iterator[int]:
        for step in range(-14, 15):
            yield from (self.question.now + step * world.STEP + off for off in (0, 1, -1))
        yield from (self.question.now + day * 24 * 12 * world.STEP for day in (1, 2, 3, 30))
        yield from (each.micros for each in self.constants if isinstance(each, Datetime))


def loops(ref: EntityRef, facts: Facts) -> bool:
    """Tell whether an entity is in itself."""
    seen, work = set[EntityRef](), [ref]
    while work:
        node = facts.node(work.pop())
        for step in node.parents if isinstance(node, Node) else ():
            if step.parent == ref:
                return True
            if step.parent not in seen:
                seen.add(step.parent)
                work.append(step.parent)
    return False


def _terms(policy: terms.Policy) -> Iterator[terms.Term]:
    for rule in policy.rules:
        for clause in rule.clauses:
            yield from terms.walk(clause.condition)
        for obligation in rule.obligations:
            for _, term in obligation.arguments:
                yield from terms.walk(term)


def names_in(policy: terms.Policy) -> Iterator[str]:
    """Yield the names of all attributes that a policy asks for."""
    yield "actor"
    yield from (each.name for each in _terms(policy) if isinstance(each, terms.Attribute | terms.Has))


def constants_in(policy: terms.Policy) -> Iterator[Value]:
    """Yield all constants of a policy, those of scopes too."""
    for each in _terms(policy):
        if isinstance(each, terms.Constant):
            yield each.value
            if isinstance(each.value, ValueSet):
                yield from each.value
    for rule in policy.rules:
        for scope in (*rule.principals, *rule.resources, *(rule.via or ())):
            yield from scope.within or ()
