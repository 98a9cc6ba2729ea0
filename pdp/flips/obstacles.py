"""What stands in the way of a decision being another one, and the facts that each of these depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property, partial
from typing import Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Question, Scene, closure, evaluate, holds
from pdp.flips.changes import NOW, Change, Fact, InSession, OnRecord, Within, apply, part
from pdp.flips.profile import Profiles, marks_of, session_names, touches
from pdp.flips.reading import Approvals, Parents, Place, Reading, Steps, place_of
from pdp.flips.refusals import READ, TOLD, anything
from pdp.interpreter import Finding, Judgement, before_rules, look_at
from pdp.lowering import timed
from pdp.model import Effect, Outcome, Reason
from pdp.operators import Found
from pdp.ports import Facts
from pdp.terms import ClauseKind
from pdp.values import EntityRef, Unknown, Value

TERMS: Final = 150
ELEMENTS: Final = 20
"""So many terms, or elements of sets, take about as long to look at as one thing may."""

SESSION: Final = InSession("")
"""A session as a whole, where there is none."""


Kind: TypeAlias = tuple[int, tuple[int, ...], frozenset[int]]
"""How many changes a target takes at the least, how many of each rank, and who could remove each thing in its way.

The last is as bits: one for each rank.
"""


class Spent(Exception):
    """So much has been looked at that the search gives up."""


_FORBID: Final = Effect.FORBID


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
    """Something that stands in the way, and what it depends on; `rule` is whose condition it is.

    `approvals` are how many more people have to approve at the least, whatever else changes.
    """

    places: frozenset[Place]
    rule: terms.Rule | None = None
    approvals: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Facts as they would be: what was assigned, and the question and what is known that come of it."""

    assigned: Mapping[Fact, Value | None]
    question: Question
    facts: Facts
    changed: frozenset[str] = frozenset()
    """The marks of what was assigned."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was assigned, in the order in which it was."""
        return tuple(Change(fact, value) for fact, value in self.assigned.items())


class Court:
    """Looks at one rule, or one clause, at a time, and at none again that cannot have changed."""

    def __init__(
        self,
        policy: terms.Policy,
        question: Question,
        facts: Facts,
        judgement: Judgement,
        budget: int,
        brought: frozenset[EntityRef] = frozenset(),
    ) -> None:
        self.policy, self.schema, self.brought = policy, policy.schema, brought
        self.base = State({}, question, facts)
        self.profiles = Profiles.of(policy)
        self.spent, self.budget = 0, budget
        self.unsure = False
        self._steps, self._paid = Steps(), 0
        self.kinds: dict[object, Kind] = {}
        """What ways of failing take, once that is known."""
        self._judgement = judgement
        self._places: dict[object, frozenset[Place]] = {}
        rules = policy.by_action.get(question.action, ())
        self.permits = tuple(rule for rule in rules if rule.effect is Effect.PERMIT)
        self.forbids = tuple(rule for rule in rules if rule.effect is Effect.FORBID)

    @cached_property
    def findings(self) -> Mapping[str, Finding | None]:
        """What becomes of each rule as things are; None, or nothing, of one that is out of scope."""
        if self._judgement.reason in _BY_RULES:
            return {finding.rule.id: finding for finding in self._judgement.findings}
        # No rule was asked. What they would have come to is known all the same.
        scene = Scene(self.base.question, self.base.facts)
        return {rule.id: look_at(rule, scene) for rule in (*self.permits, *self.forbids)}

    @cached_property
    def _scene(self) -> Scene:
        return Scene(self.base.question, self.base.facts)

    @property
    def size(self) -> int:
        """How many rules there are about the action."""
        return len(self.permits) + len(self.forbids)

    def outcome(self, state: State, target: Target) -> Outcome:
        """Return the decision; of rules that name nothing that changed, what they came to counts."""
        if before_rules(self.schema, state.question, state.facts) is not None:
            return Outcome.DENY
        first = () if target.rule is None else (target.rule,)
        findings = (self.finding(rule, state) for rule in (*first, *self.forbids))
        if any(finding is not None and finding.denies for finding in findings):
            return Outcome.DENY
        findings = (self.finding(rule, state) for rule in (*first, *self.permits))
        applies = any(each is not None and each.rule.effect is Effect.PERMIT and each.applies for each in findings)
        return Outcome.ALLOW if applies else Outcome.DENY

    @cached_property
    def denying(self) -> list[frozenset[str]]:
        """The marks of each forbid that denies as things are."""
        found = [(rule, self.findings.get(rule.id)) for rule in self.forbids]
        return [self.profiles[rule].whole for rule, each in found if each is not None and each.denies]

    @cached_property
    def strange(self) -> bool:
        """Whether nothing holds one of those asked about: then the whole of them comes at once."""
        asked = (self.base.question.principal, self.base.question.resource, self.base.question.actor)
        return any(ref is not None and self.base.facts.node(ref) is None for ref in asked)

    @cached_property
    def distinct(self) -> bool:
        """Whether no membership can put both principal and resource into something."""
        above = []
        for ref in (self.base.question.principal, self.base.question.resource):
            above.append(closure(ref, self._scene)[0].keys())
        return above[0].isdisjoint(above[1])

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
        self._spend()
        assigned = {**state.assigned, change.fact: change.value}
        changes = [Change(fact, value) for fact, value in assigned.items()]
        question, facts = apply(changes, self.base.question, self.base.facts, self.schema)
        marks = marks_of(change.fact, absent=self.base.question.session is None)
        return State(assigned, question, facts, state.changed.union(marks))

    # --------------------------------------------------------------------------------------------------- looking

    def _spend(self, steps: int = 1) -> None:
        # Sets inside sets multiply: what quantifiers went through since the last time is paid now.
        due = (self._steps.taken - self._paid) // ELEMENTS
        self._paid += due * ELEMENTS
        self.spent += steps + due
        if self.spent > self.budget:
            raise Spent

    def _read(self, key: object, state: State, work: Callable[[Reading], object], *reads: Place) -> frozenset[Place]:
        """Return what some work looks at; a key is of what comes to the same in each state that it is asked in."""
        found = self._places.get(key)
        if found is None:
            self._spend()
            reading = Reading(state.question, state.facts, self._steps)
            work(reading)
            self.unsure = self.unsure or reading.unsure
            found = frozenset((*reading.seen, *reads))
            if key is not None:
                self._places[key] = found
        return found

    def _absent(self, state: State, names: Iterable[str]) -> tuple[Place, ...]:
        # Nobody notes what is asked of a session that is not there.
        found = tuple(InSession(name) for name in names) if state.question.session is None else ()
        return (SESSION, *found) if found else ()

    def finding(self, rule: terms.Rule, state: State) -> Finding | None:
        """Return what becomes of a rule."""
        if not touches(state.changed, self.profiles[rule].whole):
            return self.findings.get(rule.id)
        self._spend(1 + sum(self.profiles[rule].sizes) // TERMS)
        return look_at(rule, self.scene(state))

    def scene(self, state: State) -> Scene:
        """Return a scene in which what is gone through is counted."""
        return Scene(state.question, state.facts, variables=self._steps)

    def side(self, name: str, rule: terms.Rule, state: State) -> bool:
        """Tell whether a rule holds for who asks (`principal`), on what (`resource`), and whoever acts (`actor`)."""
        if not state.assigned:
            return _holds(name, rule, self._scene)
        if not touches(state.changed, self.profiles[rule].scope):
            return _holds(name, rule, self._scene)
        self._spend()
        return _holds(name, rule, Scene(state.question, state.facts))

    def clause(self, rule: terms.Rule, at: int, state: State) -> Found:
        """Return what a clause comes to."""
        if not touches(state.changed, self.profiles[rule].clauses[at]):
            finding = self.findings.get(rule.id)
            if finding is not None:
                return finding.clauses[at][1]
            return evaluate(rule.clauses[at].condition, self._scene)
        self._spend(1 + self.profiles[rule].sizes[at] // TERMS)
        return evaluate(rule.clauses[at].condition, self.scene(state))

    def clauses(self, rule: terms.Rule) -> Sequence[tuple[terms.Clause, Found]]:
        """Return what each clause comes to as things are."""
        finding = self.findings.get(rule.id)
        if finding is not None:
            return finding.clauses
        return [(clause, evaluate(clause.condition, self._scene)) for clause in rule.clauses]

    def duties(self, rule: terms.Rule, scene: Scene) -> bool:
        """Tell whether all arguments of a rule's obligations are known."""
        found = [evaluate(term, scene) for each in rule.obligations for _, term in each.arguments]
        return not any(isinstance(each, Unknown) for each in found)

    # ------------------------------------------------------------------------------------------------- obstacles

    def obstacles(self, target: Target, state: State) -> Iterator[Obstacle]:
        """Yield what stands in the way of a target; nothing where it has come about."""
        yield from self._dangling(state)
        match target:
            case Target(aim=Aim.PERMIT, rule=terms.Rule() as rule):
                yield from self._to_apply(rule, state)
                yield from self._refusal(state)
                yield from self._those(self.forbids, state, lambda finding: finding.denies)
            case Target(aim=Aim.FORBID, rule=terms.Rule() as rule):
                yield from self._to_deny(rule, state)
            case Target(aim=Aim.NO_PERMIT):
                yield from self._those(self.permits, state, lambda finding: finding.applies)
            case _:
                if before_rules(self.schema, state.question, state.facts) is None:
                    yield Obstacle(self._before(state))

    def stands(self, state: State) -> bool:
        """Tell whether what was changed could be put on record."""
        return next(self._dangling(state), None) is None

    def _dangling(self, state: State) -> Iterator[Obstacle]:
        """Yield what nobody could put on record: that an entity is in one that nothing holds."""
        for fact, value in state.assigned.items():
            if isinstance(fact, Within) and value is True and state.facts.node(fact.parent) is None:
                yield Obstacle(frozenset({OnRecord(fact.parent)}))

    def _before(self, state: State) -> frozenset[Place]:
        def work(reading: Reading) -> object:
            return before_rules(self.schema, reading.question, reading)

        return self._read(None if state.assigned else "before", state, work, *self._absent(state, TOLD), NOW)

    def _refusal(self, state: State) -> Iterator[Obstacle]:
        self._spend()
        refused = before_rules(self.schema, state.question, state.facts)
        if refused is None:
            return
        matters = READ.get(refused.reason, anything)
        # All that comes before it does not refuse: nothing of that could make a difference.
        yield Obstacle(frozenset(place for place in self._before(state) if matters(place)))
        if refused.reason is not Reason.UNKNOWN_ENTITY:
            # It would refuse next.
            for ref in (state.question.principal, state.question.resource):
                if state.facts.node(ref) is None:
                    yield Obstacle(frozenset({OnRecord(ref)}))

    def _to_apply(self, rule: terms.Rule, state: State) -> Iterator[Obstacle]:
        profile = self.profiles[rule]
        for name in ("principal", "resource", "actor"):
            if not self.side(name, rule, state):
                yield self._of_side(name, rule, state)
        for at, clause in enumerate(rule.clauses):
            if self.clause(rule, at, state) is not (clause.kind is not ClauseKind.UNLESS):
                missing = 0 if clause.kind is ClauseKind.UNLESS else _missing(clause.condition, state)
                yield Obstacle(self.places(rule, at, state), rule, missing)
        if rule.obligations and not self.duties(rule, Scene(state.question, state.facts)):
            key = None if touches(state.changed, profile.duties) else (rule.id, "duties")
            terms_ = [term for each in rule.obligations for _, term in each.arguments]
            late = [NOW] if any(map(timed, terms_)) else []
            absent = self._absent(state, session_names(terms_))
            places = self._read(key, state, lambda reading: self.duties(rule, reading.scene()), *absent, *late)
            yield Obstacle(places, rule)

    def _of_side(self, name: str, rule: terms.Rule, state: State) -> Obstacle:
        key = None if touches(state.changed, self.profiles[rule].scope) else (rule.id, name)
        absent = self._absent(state, ("actor",)) if name == "actor" else ()
        return Obstacle(self._read(key, state, lambda reading: _holds(name, rule, reading.scene()), *absent), rule)

    def places(self, rule: terms.Rule, at: int, state: State) -> frozenset[Place]:
        """Return what a clause looks at."""
        term = rule.clauses[at].condition
        self._spend(self.profiles[rule].sizes[at] // TERMS)
        key = None if touches(state.changed, self.profiles[rule].clauses[at]) else (rule.id, at)
        late = [NOW] if timed(term) else []
        absent = self._absent(state, session_names([term]))
        return self._read(key, state, lambda reading: evaluate(term, reading.scene()), *absent, *late)

    def _to_deny(self, rule: terms.Rule, state: State) -> Iterator[Obstacle]:
        """Yield what keeps a forbid from denying: whatever is neither true nor unknown."""
        if not self.side("resource", rule, state):
            yield self._of_side("resource", rule, state)
        if not (self.side("principal", rule, state) or self.side("actor", rule, state)):
            places = (self._of_side(name, rule, state).places for name in ("principal", "actor"))
            yield Obstacle(frozenset().union(*places), rule)
        for at, clause in enumerate(rule.clauses):
            if self.clause(rule, at, state) is (clause.kind is ClauseKind.UNLESS):
                yield Obstacle(self.places(rule, at, state), rule)

    def _those(
        self, rules: Sequence[terms.Rule], state: State, matters: Callable[[Finding], bool]
    ) -> Iterator[Obstacle]:
        """Yield each rule whose part in the decision has to be another."""
        # To pass over very many takes its time, too.
        self._spend(len(rules) // 100)
        for rule in rules:
            finding = self.finding(rule, state)
            if finding is not None and matters(finding):
                key = None if touches(state.changed, self.profiles[rule].whole) else rule.id
                terms_ = list(_terms_of(rule))
                late = [NOW] if any(map(timed, terms_)) else []
                absent = self._absent(state, ("actor", *session_names(terms_)))
                work = partial(_look_at, rule)
                yield Obstacle(self._read(key, state, work, *absent, *late), rule)


def _missing(term: terms.Term, state: State) -> int:
    """Return how many more people have to approve: those who did, of whatever value, may come to count."""
    if not isinstance(term, terms.Approvals):
        return 0
    question = state.question
    asked = (question.principal, question.action, question.resource)
    found = {
        each.approver for each in state.facts.approvals or () if (each.principal, each.action, each.resource) == asked
    }
    return max(term.count - len(found), 0)


def _look_at(rule: terms.Rule, reading: Reading) -> object:
    return look_at(rule, reading.scene())


def _holds(name: str, rule: terms.Rule, scene: Scene) -> bool:
    """Tell whether one side of a rule's scope holds, as the interpreter has it."""
    question, forbid = scene.question, rule.effect is _FORBID
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


_BY_RULES: Final = (Reason.PERMITTED, Reason.FORBIDDEN, Reason.DEFAULT)
