"""What stands in the way of a decision being another one, and the facts that each of these depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Question, evaluate, holds
from pdp.flips.changes import NOW, Change, Fact, InSession, Lifted, OnRecord, Within, apply, part
from pdp.flips.reading import Approvals, Parents, Place, Reading, place_of
from pdp.interpreter import Finding, before_rules, look_at
from pdp.lowering import timed
from pdp.model import Effect, Reason
from pdp.ports import Facts
from pdp.terms import ClauseKind, RootName
from pdp.values import Unknown, Value

SESSION: Final = InSession("")
"""A session as a whole, where there is none."""


class Spent(Exception):
    """So much has been looked at that the search gives up."""


class Aim(StrEnum):
    """What is to come about."""

    PERMIT = "permit"
    FORBID = "forbid"
    NO_PERMIT = "no permit"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Target:
    """One way for a decision to be another: that a rule applies, that no permit does, or that no rule is asked."""

    aim: Aim
    rule: terms.Rule | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stands in the way, and what it depends on; `rule` is whose condition it is."""

    places: frozenset[Place]
    rule: terms.Rule | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Facts as they would be: what was assigned, and the question and what is known that come of it."""

    assigned: Mapping[Fact, Value | None]
    question: Question
    facts: Facts
    changed: frozenset[Place] = frozenset()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was assigned, in the order in which it was."""
        return tuple(Change(fact, value) for fact, value in self.assigned.items())


Looked: TypeAlias = tuple[Any, frozenset[Place]]


class Court:
    """Looks at one rule, or one clause, at a time, and at none twice where nothing that it depends on has changed."""

    def __init__(self, policy: terms.Policy, question: Question, facts: Facts, budget: int) -> None:
        self.policy, self.schema = policy, policy.schema
        self.base = State({}, question, facts)
        self.spent, self.budget = 0, budget
        self.unsure = False
        self._first: dict[object, Looked] = {}

    @cached_property
    def rules(self) -> tuple[terms.Rule, ...]:
        """Every rule about the action."""
        return self.policy.by_action.get(self.base.question.action, ())

    @cached_property
    def permits(self) -> tuple[terms.Rule, ...]:
        """Every permit about the action."""
        return tuple(rule for rule in self.rules if rule.effect is Effect.PERMIT)

    @cached_property
    def forbids(self) -> tuple[terms.Rule, ...]:
        """Every forbid about the action."""
        return tuple(rule for rule in self.rules if rule.effect is Effect.FORBID)

    def part(self, fact: Fact) -> Fact:
        """Return the fact that another one comes with."""
        return part(fact, self.base.question, self.base.facts)

    def group(self, place: Place) -> Place:
        """Return what counts once, whatever of it changes."""
        match place:
            case InSession() if self.base.question.session is None:
                return SESSION
            case Parents(entity=entity):
                # A membership is one fact of many: which one it is does not matter here.
                found = self.part(Within(entity, entity))
                return found if isinstance(found, OnRecord) else place
            case _:
                return place if isinstance(place, Approvals) else place_of(self.part(place))

    def with_change(self, state: State, change: Change) -> State:
        """Return a state in which one more fact is another."""
        assigned = {**state.assigned, change.fact: change.value}
        changes = [Change(fact, value) for fact, value in assigned.items()]
        question, facts = apply(changes, self.base.question, self.base.facts, self.schema)
        place = place_of(change.fact)
        return State(assigned, question, facts, state.changed | {place, self.group(place)})

    # --------------------------------------------------------------------------------------------------- looking

    def _look(self, key: object, state: State, work: Callable[[Reading], Any], *reads: Place) -> Looked:
        first = self._first.get(key)
        if first is not None and first[1].isdisjoint(state.changed):
            return first
        self.spent += 1
        if self.spent > self.budget:
            raise Spent
        reading = Reading(state.question, state.facts)
        value = work(reading)
        self.unsure = self.unsure or reading.unsure
        found = value, frozenset((*reading.seen, *reads))
        if first is None and not state.assigned:
            self._first[key] = found
        return found

    def refused(self, state: State) -> Looked:
        """Return why a question is refused before any rule; None where it is not."""

        def work(reading: Reading) -> Reason | None:
            found = before_rules(self.schema, reading.question, reading)
            return None if found is None else found.reason

        return self._look("before", state, work, *self._absent(state, _TOLD), NOW)

    def finding(self, rule: terms.Rule, state: State) -> Looked:
        """Return what becomes of a rule."""
        late = [NOW] if any(map(timed, _terms_of(rule))) else []
        absent = self._absent(state, ("actor", *_session_names(_terms_of(rule))))
        return self._look(rule.id, state, lambda reading: look_at(rule, reading.scene()), *absent, *late)

    def side(self, name: str, rule: terms.Rule, state: State) -> Looked:
        """Tell whether a rule holds for who asks (`principal`), on what (`resource`), and whoever acts (`actor`)."""

        def work(reading: Reading) -> bool:
            return _holds(name, rule, reading)

        absent = self._absent(state, ("actor",)) if name == "actor" else ()
        return self._look((rule.id, name), state, work, *absent)

    def clause(self, rule: terms.Rule, at: int, state: State) -> Looked:
        """Return what a clause comes to."""
        term = rule.clauses[at].condition
        late = [NOW] if timed(term) else []
        absent = self._absent(state, _session_names([term]))
        return self._look((rule.id, at), state, lambda reading: evaluate(term, reading.scene()), *absent, *late)

    def duties(self, rule: terms.Rule, state: State) -> Looked:
        """Tell whether all arguments of a rule's obligations are known."""

        def work(reading: Reading) -> bool:
            scene = reading.scene()
            found = [evaluate(term, scene) for each in rule.obligations for _, term in each.arguments]
            return not any(isinstance(each, Unknown) for each in found)

        late = [NOW] if any(map(timed, _terms_of(rule))) else []
        absent = self._absent(state, _session_names(_terms_of(rule)))
        return self._look((rule.id, "duties"), state, work, *absent, *late)

    def _absent(self, state: State, names: Iterable[str]) -> tuple[Place, ...]:
        # Nobody notes what is asked of a session that is not there.
        found = tuple(InSession(name) for name in names) if state.question.session is None else ()
        return (SESSION, *found) if found else ()

    # ------------------------------------------------------------------------------------------------- obstacles

    def obstacles(self, target: Target, state: State) -> Iterator[Obstacle]:
        """Yield what stands in the way of a target; nothing where it has come about."""
        yield from self._dangling(state)
        match target:
            case Target(aim=Aim.PERMIT, rule=terms.Rule() as rule):
                yield from self._to_apply(rule, state)
                yield from self._refusal(state)
                yield from self._denying(state)
            case Target(aim=Aim.FORBID, rule=terms.Rule() as rule):
                yield from self._to_deny(rule, state)
            case Target(aim=Aim.NO_PERMIT):
                yield from self._applying(state)
            case _:
                reason, places = self.refused(state)
                if reason is None:
                    yield Obstacle(places)

    def _dangling(self, state: State) -> Iterator[Obstacle]:
        """Yield what nobody could put on record: that an entity is in one that nothing holds."""
        for fact, value in state.assigned.items():
            if isinstance(fact, Within) and value is True and state.facts.node(fact.parent) is None:
                yield Obstacle(frozenset({OnRecord(fact.parent)}))

    def _refusal(self, state: State) -> Iterator[Obstacle]:
        reason, places = self.refused(state)
        if reason in _READ:
            # All that comes before it does not refuse: nothing of that could make a difference.
            yield Obstacle(frozenset(place for place in places if _READ[reason](place)))
        elif reason is not None:
            yield Obstacle(places)
        question = state.question
        if reason is not Reason.UNKNOWN_ENTITY:
            # It would refuse next.
            for ref in (question.principal, question.resource):
                if state.facts.node(ref) is None:
                    yield Obstacle(frozenset({OnRecord(ref)}))

    def _to_apply(self, rule: terms.Rule, state: State) -> Iterator[Obstacle]:
        for name in ("principal", "resource", "actor"):
            found, places = self.side(name, rule, state)
            if not found:
                yield Obstacle(places, rule)
        for at, clause in enumerate(rule.clauses):
            found, places = self.clause(rule, at, state)
            if found is not (clause.kind is not ClauseKind.UNLESS):
                yield Obstacle(places, rule)
        if rule.obligations:
            found, places = self.duties(rule, state)
            if not found:
                yield Obstacle(places, rule)

    def _to_deny(self, rule: terms.Rule, state: State) -> Iterator[Obstacle]:
        """Yield what keeps a forbid from denying: whatever is neither true nor unknown."""
        resource, on = self.side("resource", rule, state)
        if not resource:
            yield Obstacle(on, rule)
        principal, by = self.side("principal", rule, state)
        actor, too = self.side("actor", rule, state)
        if not (principal or actor):
            yield Obstacle(by | too, rule)
        for at, clause in enumerate(rule.clauses):
            found, places = self.clause(rule, at, state)
            if found is (clause.kind is ClauseKind.UNLESS):
                yield Obstacle(places, rule)

    def _denying(self, state: State) -> Iterator[Obstacle]:
        for rule in self.forbids:
            finding, places = self.finding(rule, state)
            if isinstance(finding, Finding) and finding.denies:
                yield Obstacle(places, rule)

    def _applying(self, state: State) -> Iterator[Obstacle]:
        for rule in self.permits:
            finding, places = self.finding(rule, state)
            if isinstance(finding, Finding) and finding.applies:
                yield Obstacle(places, rule)


def _holds(name: str, rule: terms.Rule, reading: Reading) -> bool:
    """Tell whether one side of a rule's scope holds, as the interpreter has it."""
    scene, question = reading.scene(), reading.question
    forbid = rule.effect is Effect.FORBID
    if name == "actor":
        actor = question.actor
        scopes = rule.principals if forbid else rule.via
        if actor is None or scopes is None:
            # A permit is for those who act for somebody, or for those who act for themselves.
            return not forbid and (actor is None) == (rule.via is None)
        truth, _ = holds(scopes, actor, scene)
    elif name == "principal":
        truth, _ = holds(rule.principals, question.principal, scene)
    else:
        truth, _ = holds(rule.resources, question.resource, scene)
    return forbid if isinstance(truth, Unknown) else truth


def _terms_of(rule: terms.Rule) -> Iterator[terms.Term]:
    for clause in rule.clauses:
        yield clause.condition
    for obligation in rule.obligations:
        for _, term in obligation.arguments:
            yield term


def _session_names(found: Iterable[terms.Term]) -> Iterator[str]:
    """Yield the attributes of the session that terms name."""
    for term in found:
        for each in terms.walk(term):
            if isinstance(each, terms.Attribute | terms.Has):
                base = each.base
                if isinstance(base, terms.Root) and base.name is RootName.SESSION:
                    yield each.name


_TOLD: Final = ("expires_at", "authenticated_at", "issued_at", "actor")
_STARTS: Final = (InSession("authenticated_at"), InSession("issued_at"), NOW)


def _proof(place: Place) -> bool:
    return place in _STARTS[:2] or isinstance(place, Lifted | Parents | OnRecord)


_READ: Final[Mapping[Reason, Callable[[Place], bool]]] = {
    Reason.SESSION_EXPIRED: lambda place: place == InSession("expires_at"),
    Reason.SESSION_NOT_YET_VALID: lambda place: place in _STARTS,
    Reason.SESSION_REVOKED: lambda place: isinstance(place, InSession | Lifted) and place != InSession("expires_at"),
    Reason.PRINCIPAL_REVOKED: lambda place: _proof(place) or place == InSession("actor"),
    Reason.UNKNOWN_ENTITY: lambda place: isinstance(place, OnRecord) or place == InSession("actor"),
}
"""What a refusal depends on, as long as what was looked at before it does not refuse."""
