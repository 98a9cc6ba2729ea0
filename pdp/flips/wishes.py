"""What conditions would have the facts be that they look at: the values on each side of every edge.

A condition is walked through in one scene. Where it compares a fact with something, the fact is wished to be what that
comes to there, and what lies right beside it; where it computes with a fact, the wish goes the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pdp import terms, zones
from pdp.evaluation import Question, Scene, closure, evaluate, holds, weigh_approvals
from pdp.flips.changes import NOW, ApprovedBy, Fact, InContext, InSession, OfEntity, Within, current
from pdp.flips.known import Known, named_in, sample
from pdp.flips.pool import Path, around, combined, factors, inside, instants, matching, outside, sets_of
from pdp.flips.ways import ways
from pdp.model import Approval, Node
from pdp.operators import Found, arithmetic, negate, ordered
from pdp.schema import Schema
from pdp.symbols import ArithmeticOp
from pdp.terms import RootName
from pdp.values import (
    DATETIME_MAX,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    Ip,
    Record,
    Unknown,
    Value,
    ValueSet,
)

Wish = Value | None

_ELEMENTS: Final = 8
"""So many elements of a set are looked at one by one."""

_NESTED: Final = 2
"""So many quantifiers within one another are asked of each element; of what is deeper, only as it is written."""

_TURNS: Final = 4
"""So many times at which the calendar turns are tried."""


class Wishes:
    """Collects what conditions wish for, in one scene."""

    def __init__(self, scene: Scene, schema: Schema, known: Known) -> None:
        self._scene, self._schema, self._known = scene, schema, known
        self._shapes: dict[Fact, dict[Path, list[Wish]]] = {}
        self._patterns: dict[Fact, dict[Path, list[tuple[str, ...]]]] = {}
        self._elements: dict[int, dict[Path, list[Wish]]] = {}
        self._depth = 0

    @property
    def facts(self) -> Iterable[Fact]:
        """Every fact that anything is wished of."""
        return self._shapes.keys()

    def of(self, fact: Fact, plain: Iterable[Value] = ()) -> Iterator[Wish]:
        """Yield what a fact is wished to be; None stands for what is absent.

        Parts of a record are wished into what it is now, and into `plain` ones.
        """
        shapes = self._shapes.get(fact, {})
        for path, patterns in self._patterns.get(fact, {}).items():
            shapes.setdefault(path, []).extend(matching(patterns))
        now = current(fact, self._scene)
        yield from combined(shapes, (*(() if isinstance(now, Unknown) else (now,)), *plain))

    def rule(self, rule: terms.Rule) -> None:
        """Take the wishes of a rule: of its clauses, its scope, and its obligations."""
        question = self._scene.question
        self.scope(rule.principals, question.principal)
        self.scope(rule.resources, question.resource)
        self._delegation(rule)
        for clause in rule.clauses:
            self.condition(clause.condition)
        for obligation in rule.obligations:
            for _, term in obligation.arguments:
                self._aim(term, ())

    def scope(self, scopes: Iterable[terms.Scope], ref: EntityRef) -> None:
        """Take the wish that an entity is in a scope, or is not."""
        for scope in scopes:
            if scope.within is not None and scope.type in (None, ref.type):
                self._into(ref, scope.within)

    def _delegation(self, rule: terms.Rule) -> None:
        actor = self._scene.question.actor
        if actor is not None:
            self.scope(rule.principals if rule.via is None else rule.via, actor)
        self._wish(InSession("actor"), (None,))
        for scope in rule.via or ():
            if scope.within is not None:
                self._wish(InSession("actor"), scope.within)

    # ------------------------------------------------------------------------------------------- before any rule

    def before_rules(self) -> None:
        """Take the wishes of what is looked at before any rule: that a session counts, and that nobody is revoked."""
        question = self._scene.question
        now = question.now
        later, right_now, soon = (Datetime(min(now + micros, DATETIME_MAX)) for micros in (3_600_000_000, 0, 1))
        self._wish(InSession("expires_at"), (later, right_now, None))
        for name in ("authenticated_at", "issued_at"):
            self._wish(InSession(name), (right_now, soon, None))
        for name in ("session_id", "token_id", "key_id", "device_id"):
            self._wish(InSession(name), ("renewed", None))
        self._edges(question)

    def _edges(self, question: Question) -> None:
        for name in ("expires_at", "issued_at", "authenticated_at"):
            found = None if question.session is None else question.session.get(name)
            if isinstance(found, Datetime):
                self._time(found.micros)

    # ----------------------------------------------------------------------------------------------- conditions

    def condition(self, term: terms.Term) -> None:
        """Take the wishes of a condition: of each of its outcomes."""
        match term:
            case terms.Attribute() | terms.Tag():
                self._aim(term, (True, False))
            case terms.Has():
                self._aim(terms.Attribute(base=term.base, name=term.name), (None,))
            case terms.Compare() | terms.Same():
                self._compared(term.left, term.right)
            case terms.In() | terms.Within():
                self._member(term.left, term.right)
            case terms.Holds():
                self._member(term.right, term.left)
            case terms.Is():
                self._aim(term.operand, ())
                if term.within is not None:
                    self._member(term.operand, term.within)
            case terms.IsEmpty():
                self._aim(term.operand, (ValueSet(()),))
            case terms.Contains():
                self._contained(term)
            case terms.Like():
                self._aim(term.operand, ("", "other"), patterns=(term.parts,))
            case terms.Quantifier():
                self._quantified(term)
            case terms.TimeTest():
                self._timed(term)
            case terms.CalendarTest():
                self._turned(term)
            case terms.Approvals():
                self._approved(term)
            case _:
                for child in terms.children(term):
                    self.condition(child)

    def _found(self, term: terms.Term) -> Found:
        return evaluate(term, self._scene)

    def _compared(self, left: terms.Term, right: terms.Term) -> None:
        one, two = self._found(left), self._found(right)
        self._aim(left, () if isinstance(two, Unknown) else around(two))
        self._aim(right, () if isinstance(one, Unknown) else around(one))

    def _member(self, left: terms.Term, right: terms.Term) -> None:
        one, two = self._found(left), self._found(right)
        if isinstance(one, Unknown) or isinstance(two, Unknown):
            # What is there can be aimed at all the same.
            self._aim(left, self._members(two))
            self._aim(right, self._groups(one))
            return
        each = sample(two)[:_ELEMENTS] if isinstance(two, ValueSet) else [two]
        if isinstance(one, EntityRef):
            self._into(one, [target for target in each if isinstance(target, EntityRef)])
        self._aim(left, self._members(two))
        self._aim(right, sets_of(two, [one, *self._groups(one)]) if isinstance(two, ValueSet) else self._groups(one))

    def _members(self, group: Found) -> Iterator[Value]:
        """Yield values that are in a set, a range or an entity, and such as are not."""
        if isinstance(group, ValueSet):
            for each in sample(group)[:_ELEMENTS]:
                yield from inside(each) if isinstance(each, Ip) else around(each)
                if isinstance(each, Ip):
                    yield from outside(each)
        elif isinstance(group, Ip):
            yield from inside(group)
            yield from outside(group)
        elif not isinstance(group, Unknown):
            yield group

    def _groups(self, member: Found) -> Iterator[Value]:
        """Yield what a value is in."""
        if isinstance(member, Unknown):
            return
        yield from around(member)
        if isinstance(member, EntityRef):
            yield from self._above(member)

    def _contained(self, term: terms.Contains) -> None:
        left, right = self._found(term.left), self._found(term.right)
        one, two = (each if isinstance(each, ValueSet) else ValueSet(()) for each in (left, right))
        self._aim(term.left, sets_of(one, sample(two)[:_ELEMENTS]))
        self._aim(term.right, [one, *sets_of(two, sample(one)[:_ELEMENTS])])

    def _quantified(self, term: terms.Quantifier) -> None:
        """Take the wishes for a set: without the elements that fail or hold, and with one as the body wishes it."""
        index, scene = term.variable.index, self._scene
        domain = self._found(term.domain)
        items = sample(domain) if isinstance(domain, ValueSet) else []
        good: list[Value] = []
        # Each looks at what is within it once for each element: many within one another would never come to an end.
        deep = self._depth >= _NESTED and bool(items)
        self._known.cut = self._known.cut or deep
        self._depth += 1
        for item in [] if deep else items[:_ELEMENTS]:
            scene.variables[index] = item
            self.condition(term.body)
            if self._found(term.body) is True:
                good.append(item)
        scene.variables.pop(index, None)
        self.condition(term.body)
        self._depth -= 1
        wished = combined(self._elements.pop(index, {}), items)
        more = [each for each in wished if each is not None][:MAX_WISHED]
        bad = [item for item in items if item not in good]
        sets = [
            ValueSet(good),
            ValueSet(bad),
            # One more element is easier to read than all that were thought of.
            *(ValueSet((*good, each)) for each in more),
            *sets_of(ValueSet(items), more),
        ]
        self._aim(term.domain, sets)

    # ------------------------------------------------------------------------------------------------- the way back

    def _aim(
        self,
        term: terms.Term,
        values: Iterable[Wish],
        path: Path = (),
        patterns: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        """Take the wish that the part of a term at a path is one of some values, or matches patterns."""
        match term:
            case terms.Attribute():
                self._aim_attribute(term, list(values), path, patterns)
            case terms.Variable():
                shapes = self._elements.setdefault(term.index, {})
                shapes.setdefault(path, []).extend([*values, *matching(patterns)])
            case terms.Arithmetic():
                self._aim_operands(term, list(values))
            case terms.Negate():
                self._aim(term.operand, _known(negate(each) for each in values if each is not None))
            case terms.If():
                wanted = list(values)
                self.condition(term.test)
                self._aim(term.then, wanted, path, patterns)
                self._aim(term.otherwise, wanted, path, patterns)
            case terms.SetOf():
                elements = [one for each in values if isinstance(each, ValueSet) for one in each]
                for item in term.items:
                    self._aim(item, elements)
            case terms.RecordOf():
                records = [each for each in values if isinstance(each, Record)]
                for name, item in term.fields:
                    self._aim(item, [each[name] for each in records if name in each])
            case terms.Constant() | terms.Root():
                pass
            case _:
                self.condition(term)

    def _aim_attribute(
        self, term: terms.Attribute, values: list[Wish], path: Path, patterns: tuple[tuple[str, ...], ...]
    ) -> None:
        base = term.base
        if isinstance(base, terms.Root) and base.name is RootName.CONTEXT:
            self._wish(InContext(term.name), values, path, patterns)
        elif isinstance(base, terms.Root) and base.name is RootName.SESSION:
            self._wish(InSession(term.name), values, path, patterns)
        else:
            found = self._found(base)
            if isinstance(found, EntityRef):
                self._wish(OfEntity(found, term.name), values, path, patterns)
                # It may be as wished with another entity.
                self._aim(base, ())
            else:
                self._aim(base, values, (term.name, *path), patterns)

    def _aim_operands(self, term: terms.Arithmetic, values: list[Wish]) -> None:
        left, right = self._found(term.left), self._found(term.right)
        wanted = [each for each in values if each is not None]
        if isinstance(self._found(term), Unknown):
            # It may be out of range: whatever brings it back to nothing does.
            wanted += [0, Decimal(0), Duration(0)]
        if term.op is ArithmeticOp.MUL:
            self._aim(term.left, factors(wanted, right))
            self._aim(term.right, factors(wanted, left))
            return
        plus, minus = ArithmeticOp.ADD, ArithmeticOp.SUB
        back = minus if term.op is plus else plus
        self._aim(term.left, _known(arithmetic(back, each, right) for each in wanted))
        if term.op is plus:
            self._aim(term.right, _known(arithmetic(minus, each, left) for each in wanted))
        else:
            self._aim(term.right, _known(arithmetic(minus, left, each) for each in wanted))

    def _wish(
        self, fact: Fact, values: Iterable[Wish], path: Path = (), patterns: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        found = list(values)
        for value in found:
            self._known.name(named_in(value))
        self._shapes.setdefault(fact, {}).setdefault(path, []).extend(found)
        if patterns:
            self._patterns.setdefault(fact, {}).setdefault(path, []).extend(patterns)

    # ------------------------------------------------------------------------------------------------ memberships

    def _above(self, ref: EntityRef) -> list[EntityRef]:
        """Return all that an entity is in, itself not."""
        ends, _ = closure(ref, self._scene)
        return sorted(each for each in ends if each != ref)

    def _into(self, ref: EntityRef, targets: Iterable[EntityRef]) -> None:
        """Take the wish that an entity is in one of others, or in none of them."""
        targets = list(targets)
        self._known.name(targets)
        for here in (ref, *self._above(ref)):
            node = self._scene.facts.node(here)
            for step in node.parents if isinstance(node, Node) else ():
                self._wish(Within(here, step.parent), (False,))
                if step.until is not None:
                    self._time(step.until.micros)
            for target in targets:
                for parent in ways(here, target, self._scene, self._schema, self._known):
                    self._wish(Within(here, parent), (True,))

    # -------------------------------------------------------------------------------------------- time, approvals

    def _time(self, edge: int) -> None:
        """Take the wish that time has come to an edge."""
        now = self._scene.question.now
        found = [Datetime(each) for each in (edge, edge + 1) if now < each <= DATETIME_MAX]
        self._wish(NOW, found)

    def _timed(self, term: terms.TimeTest) -> None:
        parts = [(addend, self._found(addend.term)) for addend in term.bound]
        micros = [_signed(addend, found) for addend, found in parts]
        for at, (addend, _) in enumerate(parts):
            rest = [each for place, each in enumerate(micros) if place != at]
            if all(each is not None for each in rest):
                gap = self._scene.question.now - sum(each for each in rest if each is not None)
                self._aim(addend.term, instants(-gap if addend.negative else gap))
            else:
                self._aim(addend.term, ())
        if all(each is not None for each in micros):
            self._time(sum(each for each in micros if each is not None))

    def _turned(self, term: terms.CalendarTest) -> None:
        def test(value: int) -> bool:
            return value in term.values if term.op is None else ordered(term.op, value, term.values[0])

        at: int | None = self._scene.question.now
        for _ in range(_TURNS):
            at = None if at is None else zones.next_edge(at, term.zone, term.field, test)
            if at is not None:
                self._wish(NOW, (Datetime(at),))

    def _approved(self, term: terms.Approvals) -> None:
        scene, question = self._scene, self._scene.question
        weighed = weigh_approvals(term, scene)
        if term.of is not None:
            records = [each for each in scene.facts.approvals or () if _is_of(each, question)]
            self._aim(term.of, [each.of for each in records if each.of is not None])
        if isinstance(weighed, Unknown):
            return
        bound = None if term.of is None else self._found(term.of)
        assert not isinstance(bound, Unknown)
        for each in weighed:
            self._wish(ApprovedBy(each.record.approver, each.record.of), (False,))
            for edge in each.edges:
                self._time(edge)
            self.scope(term.approvers, each.record.approver)
        for ref in self._approvers(term):
            self._wish(ApprovedBy(ref, bound), (True,))

    def _approvers(self, term: terms.Approvals) -> Iterator[EntityRef]:
        """Yield who may approve, and where too few may, who could come to."""
        scene, question = self._scene, self._scene.question
        types = {scope.type for scope in term.approvers}
        # Groups are in scope as well, but it is people who approve.
        acting = frozenset().union(*(action.principals for action in self._schema.actions.values()))
        names = acting if None in types else {name for name in types if name is not None}
        able: list[EntityRef] = []
        others: list[EntityRef] = []
        for ref in self._known.of_types(names):
            if ref not in (question.principal, question.actor) and isinstance(scene.facts.node(ref), Node):
                (able if holds(term.approvers, ref, scene)[0] is True else others).append(ref)
        yield from able
        if len(able) < term.count:
            for ref in others:
                self.scope(term.approvers, ref)
                yield ref


MAX_WISHED: Final = 16
"""So many elements are wished for in one set."""


def _is_of(record: Approval, question: Question) -> bool:
    return (record.principal, record.action, record.resource) == (
        question.principal,
        question.action,
        question.resource,
    )


def _known(found: Iterable[Found]) -> list[Wish]:
    return [each for each in found if not isinstance(each, Unknown)]


def _signed(addend: terms.Addend, found: Found) -> int | None:
    micros = getattr(found, "micros", None)
    if not isinstance(micros, int):
        return None
    return -micros if addend.negative else micros
