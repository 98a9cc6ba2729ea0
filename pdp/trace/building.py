"""From a judgement to a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pdp import terms
from pdp.entities import Store
from pdp.evaluation import Question, Scene, closure, evaluate, holds, weigh_approvals
from pdp.facts import Snapshot
from pdp.flips.answer import Flips as Found
from pdp.flips.answer import find
from pdp.interpreter import Finding, Judgement, look_at
from pdp.model import Decision, Effect, Entity, Outcome, Request
from pdp.ports import Facts
from pdp.trace.changes import told
from pdp.trace.leaves import Looker, Writings, Written, shower
from pdp.trace.told import ApprovalTrace, ClauseTrace, Flips, RuleTrace, SideTrace, Trace
from pdp.values import DATETIME_MAX, Datetime, EntityRef, Unknown, Value, show


def build(
    policy: terms.Policy,
    store: Store,
    request: Request,
    decision: Decision,
    judgement: Judgement | None,
    question: Question | None,
    facts: Facts | None,
) -> Trace:
    """Tell a judgement as a trace; None where the request never came so far."""
    shown = show if question is None else shower(question)
    rules: list[RuleTrace] = []
    nearest, flips = None, None
    if judgement is not None and question is not None and facts is not None:
        teller = Teller(policy, Scene(question, facts))
        deciding = {finding.rule.id for finding in judgement.determining}
        rules = [teller.rule(finding, finding.rule.id in deciding) for finding in judgement.findings]
        rules.sort(key=_weight)
        brought = _brought(facts)
        found = _found(policy, question, facts, judgement, store, brought)
        flips = _flips(found, judgement, brought)
        nearest = None if found.nearest is None else _nearest(found.nearest, rules, teller)
    return Trace(
        decision=decision,
        principal=_named(request.principal, shown),
        action=str(request.action),
        resource=_named(request.resource, shown),
        now=None if question is None else str(Datetime(question.now)),
        rules=tuple(rules),
        actor=None if question is None or question.actor is None else str(question.actor),
        nearest=nearest,
        flips=flips,
    )


def _found(
    policy: terms.Policy,
    question: Question,
    facts: Facts,
    judgement: Judgement,
    store: Store,
    brought: frozenset[EntityRef],
) -> Found:
    try:
        return find(policy, question, facts, judgement, store, brought=brought)
    except Exception as error:
        # A source may be asked for more than the decision took. What became of the rules is told all the same.
        return Found(complete=False, reason=f"the search failed: {type(error).__name__}")


def _weight(rule: RuleTrace) -> tuple[bool, bool, bool, str]:
    """Order rules by how much they say: those that decided, then what could, and permits before guards."""
    return not rule.determining, rule.applies is False, rule.effect is Effect.FORBID, rule.id


def _named(given: object, shown: Callable[[Value], str]) -> str:
    ref = given.ref if isinstance(given, Entity) else given
    return shown(ref) if isinstance(ref, EntityRef) else str(ref)


def _brought(facts: Facts) -> frozenset[EntityRef]:
    """Return the entities that are as the request says: what they are is the caller's to say."""
    try:
        return facts.brought if isinstance(facts, Snapshot) else frozenset()
    except Exception:
        # A source may be asked for more than the decision took: whatever it holds is not the caller's.
        return frozenset()


def _nearest(rule: terms.Rule, rules: list[RuleTrace], teller: Teller) -> RuleTrace:
    return next((each for each in rules if each.id == rule.id), None) or teller.outside(rule)


def _flips(found: Found, judgement: Judgement, brought: frozenset[EntityRef]) -> Flips:
    smallest, alone = (None if each is None else told(each.changes, brought) for each in (found.smallest, found.alone))
    return Flips(
        to=str(Outcome.DENY if judgement.outcome is Outcome.ALLOW else Outcome.ALLOW),
        smallest=smallest,
        alone=alone,
        complete=found.complete,
        reason=found.reason,
    )


class Teller:
    """Tells rules of one policy, for one question."""

    def __init__(self, policy: terms.Policy, scene: Scene) -> None:
        self._writings, self._scene = Writings.of(policy), scene
        self._looker = Looker(scene)

    def rule(self, finding: Finding, determining: bool) -> RuleTrace:
        """Return a rule in scope."""
        rule = finding.rule
        written = self._writings.rule(rule)
        clauses = [self._clause(written.clauses[at], found) for at, (_, found) in enumerate(finding.clauses)]
        return RuleTrace(
            id=rule.id,
            effect=rule.effect,
            applies=None if finding.errs else finding.applies,
            determining=determining,
            clauses=tuple(clauses),
            why=rule.because or rule.standing,
            docs=rule.docs,
            place=written.place,
            unknown_obligations=tuple([f"{duty.name}.{name}" for duty in finding.duties for name in duty.unknown]),
        )

    def outside(self, rule: terms.Rule) -> RuleTrace:
        """Return a rule that a question is out of the scope of, or that nobody was asked about."""
        finding = look_at(rule, self._scene)
        if finding is not None:
            return self.rule(finding, False)
        written = self._writings.rule(rule)
        clauses = [
            self._clause(each, evaluate(clause.condition, self._scene))
            for each, clause in zip(written.clauses, rule.clauses, strict=True)
        ]
        return RuleTrace(
            id=rule.id,
            effect=rule.effect,
            applies=False,
            determining=False,
            clauses=tuple(clauses),
            why=rule.because or rule.standing,
            docs=rule.docs,
            place=written.place,
            out_of=tuple(self._sides(rule)),
        )

    def _clause(self, written: Written, found: object) -> ClauseTrace:
        return ClauseTrace(
            kind=written.kind,
            text=written.text,
            truth=found if isinstance(found, bool) else None,
            values=self._looker.seen(written.leaves),
            remedy=written.remedy,
            place=written.place,
            approvals=() if written.approvals is None else tuple(_approvals(written.approvals, self._scene)),
        )

    def _sides(self, rule: terms.Rule) -> Iterator[SideTrace]:
        """Yield the sides of a rule's scope that a question is out of."""
        question = self._scene.question
        for side, scopes, ref in (
            ("principal", rule.principals, question.principal),
            ("resource", rule.resources, question.resource),
        ):
            if holds(scopes, ref, self._scene)[0] is not True:
                yield SideTrace(side=side, text=_listed(scopes), value=self._whereabouts(ref))
        actor = question.actor
        if rule.via is not None and (actor is None or holds(rule.via, actor, self._scene)[0] is not True):
            value = "nobody acts for them" if actor is None else self._whereabouts(actor)
            yield SideTrace(side="actor", text=_listed(rule.via), value=value)
        elif rule.via is None and actor is not None and rule.effect is Effect.PERMIT:
            yield SideTrace(side="actor", text="", value=self._whereabouts(actor))

    def _whereabouts(self, ref: EntityRef) -> str:
        """Return an entity with all that it is in."""
        groups = [str(each) for each in sorted(closure(ref, self._scene)[0]) if each != ref]
        more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
        shown = f"in {', '.join(groups[:_SHOWN])}{more}" if groups else "in nothing"
        return f"{ref}, {shown}"


_SHOWN: Final = 4
"""So many of what an entity is in are named."""


def _listed(scopes: tuple[terms.Scope, ...]) -> str:
    return ", ".join(str(scope) for scope in scopes)


def _approvals(term: terms.Approvals, scene: Scene) -> Iterator[ApprovalTrace]:
    found = weigh_approvals(term, scene)
    for each in () if isinstance(found, Unknown) else found:
        record = each.record
        ends = [record.at.micros + term.window.micros, *([] if record.until is None else [record.until.micros])]
        yield ApprovalTrace(
            approver=show(record.approver),
            at=str(record.at),
            until=str(Datetime(min(*ends, DATETIME_MAX))),
            counts=None if isinstance(each.counts, Unknown) else each.counts,
            why=each.why,
        )
