"""What rules ask approvals for, and from whom: asked of an engine, by the facts that it holds now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pdp import terms
from pdp.approvals.events import Wanted
from pdp.classes import dataclass, replace
from pdp.errors import RequestError
from pdp.evaluation import (
    Question,
    Scene,
    count_approvals,
    evaluate,
    holds,
    proved_at,
    revocable,
    revoked,
    weigh_approvals,
)
from pdp.interpreter import TOLD, Judgement, need_of
from pdp.model import Decision, Effect, Need, Request
from pdp.ports import Facts
from pdp.revocation.index import full_name
from pdp.schema import Schema
from pdp.session import Session
from pdp.terms import Policy
from pdp.values import Datetime, EntityRef, Unknown, Value, equal, show


class Judging(Protocol):
    """What an engine is to those who ask for approvals."""

    @property
    def policy(self) -> Policy:
        """The policy that answers now."""

    def judged(self, request: Request) -> tuple[Decision, Judgement | None, Question | None, Facts | None]:
        """Answer a request, with all that led to the answer."""

    def refresh(self) -> None:
        """Take over what is on record."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What one clause of a rule asks: its need, the value that it binds, and whether enough have approved."""

    need: Need
    clause: terms.Approvals
    of: Value | Unknown | None
    met: bool


def asked(engine: Judging, request: Request) -> tuple[list[Needed], Question]:
    """Return what rules in scope of a request ask approvals for; raise RequestError where none does."""
    found, question, _ = _asked(engine, request)
    return found, question


def _asked(engine: Judging, request: Request) -> tuple[list[Needed], Question, Scene]:
    decision, judgement, question, facts = engine.judged(request)
    if judgement is None or question is None or facts is None or not judgement.findings:
        reason = decision.detail or "no rule is about this principal, action and resource"
        raise RequestError(f"there is nothing to ask approvals for: {reason}")
    scene = Scene(question, facts)
    found = [*_needed(judgement, scene)]
    if not found:
        raise RequestError(
            f"no rule asks approvals for {show(question.principal)} to {question.action} on {show(question.resource)}"
        )
    return found, question, scene


def _needed(judgement: Judgement, scene: Scene) -> Iterator[Needed]:
    for finding in judgement.findings:
        for clause, truth in finding.clauses:
            if isinstance(clause.condition, terms.Approvals):
                of = None if clause.condition.of is None else evaluate(clause.condition.of, scene)
                yield Needed(need_of(finding.rule, clause, scene), clause.condition, of, truth is True)


def bound_value(needed: list[Needed], rule: str | None) -> Value | None:
    """Return the one value that an approval is asked of; raise RequestError where rules differ, or it is not known."""
    chosen = [each for each in needed if rule is None or each.need.rule == rule]
    if not chosen:
        names = ", ".join(sorted({f"`{each.need.rule}`" for each in needed}))
        raise RequestError(f"the rule `{rule}` asks no approvals here (help: these do: {names})")
    for each in chosen:
        if isinstance(each.of, Unknown):
            text = "" if each.clause.of is None or each.clause.of.span is None else f" of `{each.clause.of.span.text}`"
            raise RequestError(
                f"the value{text} that `{each.need.rule}` asks approvals of is not known "
                "(help: say it in the context of the request)"
            )
    values = [each.of for each in chosen if not isinstance(each.of, Unknown)]
    if not all(_same(values[0], each) for each in values):
        shown = ", ".join(
            f"`{each.need.rule}` of {'no value' if each.of is None else show(each.of)}" for each in chosen
        )
        raise RequestError(f"rules ask approvals of different values: {shown} (help: name the rule that you mean)")
    return values[0]


def _same(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return left is right
    return left.__class__ is right.__class__ and equal(left, right)


def wanted_of(engine: Judging, request: Request, until: Datetime, rule: str | None = None) -> Wanted:
    """Return what approvals of a request are asked for; raise RequestError where no rule asks any.

    Names are of full types: a short one may be another's after a change of the policy.
    """
    needed, question = asked(engine, request)
    schema = engine.policy.schema
    return Wanted(
        principal=_full(question.principal, schema),
        action=question.action,
        resource=_full(question.resource, schema),
        until=until,
        of=bound_value(needed, rule),
        actor=None if question.actor is None else _full(question.actor, schema),
    )


def _full(ref: EntityRef, schema: Schema) -> EntityRef:
    return EntityRef(full_name(ref.type, schema), ref.id)


def request_of(wanted: Wanted, now: Datetime) -> Request:
    """Return the request that is to be approved, as far as approvers are a matter of it.

    That those who do it can show who they are is not asked here, but when they do.
    """
    session: dict[str, object] = {"authenticated_at": now.to_datetime()}
    if wanted.actor is not None:
        session["actor"] = wanted.actor
    return Request(wanted.principal, wanted.action, wanted.resource, {}, session, now.to_datetime())


def check_wanted(engine: Judging, wanted: Wanted, now: Datetime) -> None:
    """Raise RequestError where nobody could approve it: what only its request brought, no approver finds."""
    _asked(engine, request_of(wanted, now))


@dataclass(frozen=True, slots=True)
class Term:
    """Since when approvals are enough, and until when they are if nothing changes."""

    since: Datetime
    until: Datetime


def approved(engine: Judging, wanted: Wanted, rule: str, now: Datetime) -> Term | None:
    """Return how long what is wanted is approved as one rule asks for it; None where it is not, or nobody can tell."""
    _, judgement, question, facts = engine.judged(request_of(wanted, now))
    if judgement is None or question is None or facts is None:
        return None
    finding = next((each for each in judgement.findings if each.rule.id == rule), None)
    if finding is None:
        return None
    scene = Scene(question, facts)
    conditions = [clause.condition for clause, _ in finding.clauses if isinstance(clause.condition, terms.Approvals)]
    found = [_term(each, wanted.of, scene) for each in conditions if (each.of is None) is (wanted.of is None)]
    met = [each for each in found if each is not None]
    if finding.rule.effect is Effect.FORBID:
        # Any `unless` lifts a forbid; of a permit, each need has to be met.
        met = sorted(met, key=lambda each: each.until.micros)[-1:]
    elif len(met) < len(found):
        return None
    if not met:
        return None
    until = min(wanted.until.micros, *(each.until.micros for each in met))
    return Term(Datetime(max(each.since.micros for each in met)), Datetime(until))


def _term(condition: terms.Approvals, of: Value | None, scene: Scene) -> Term | None:
    """Return how long enough people approved of a value, None where they did not."""
    bound = None if of is None else terms.Constant(value=of)
    term = replace(condition, of=bound)
    weighed = weigh_approvals(term, scene)
    if isinstance(weighed, Unknown) or count_approvals(term, scene)[0] is not True:
        return None
    ends, begins = dict[EntityRef, int](), dict[EntityRef, int]()
    for each in weighed:
        who = each.record.approver
        if each.counts is True:
            ends[who] = max(ends.get(who, 0), min(each.edges[1:]))
            begins[who] = min(begins.get(who, each.edges[0]), each.edges[0])
    last = term.count - 1
    return Term(Datetime(sorted(begins.values())[last]), Datetime(sorted(ends.values(), reverse=True)[last]))


def check_approver(
    engine: Judging, wanted: Wanted, who: EntityRef, asked_by: EntityRef, now: Datetime, session: Session | None = None
) -> None:
    """Raise RequestError unless some rule asks for approvals of the kind from somebody such as this.

    Whoever showed a token comes with the `session` of it; anybody else shows who they are by signing.
    """
    needed, question, scene = _asked(engine, request_of(wanted, now))
    approver = known(who, engine.policy.schema)
    if approver == known(asked_by, engine.policy.schema):
        raise RequestError(f"{show(approver)} asked for it, and does not approve it")
    if approver in (question.principal, question.actor):
        raise RequestError(f"{show(approver)} does what is asked for, and does not approve it")
    if scene.facts.node(approver) is None:
        raise RequestError(f"nothing holds {show(approver)}")
    _check_standing(approver, now, scene, session, engine.policy.schema)
    clauses = [each.clause for each in needed if (each.clause.of is None) is (wanted.of is None)]
    if not any(holds(each.approvers, approver, scene)[0] is True for each in clauses):
        scopes = sorted({str(scope) for each in clauses for scope in each.approvers})
        text = f"; asked are {', '.join(scopes)}" if scopes else ""
        raise RequestError(f"no rule asks {show(approver)} to approve this{text}")


def check_asker(engine: Judging, wanted: Wanted, who: EntityRef, now: Datetime, session: Session | None = None) -> None:
    """Raise RequestError where whoever asks is revoked, or the token that they showed."""
    _, _, scene = _asked(engine, request_of(wanted, now))
    schema = engine.policy.schema
    _check_standing(known(who, schema), now, scene, session, schema)


def _check_standing(who: EntityRef, now: Datetime, scene: Scene, session: Session | None, schema: Schema) -> None:
    proved = now.micros if session is None else _proved(who, now, scene, session, schema)
    if revoked(who, proved, scene)[0]:
        raise RequestError(f"{show(who)} is revoked")


def _proved(who: EntityRef, now: Datetime, scene: Scene, session: Session, schema: Schema) -> int:
    """Return when somebody proved who they are; raise RequestError where their token is worth nothing any more."""
    fields = session.conformed(schema.actions[scene.question.action].session, schema)
    if any(isinstance(fields.get(name), Unknown) for name in TOLD):
        raise RequestError(f"the session of {show(who)} is not such as policies know")
    proved, ends = proved_at(fields), fields.get("expires_at")
    if any(scene.facts.session_revoked(kind, name, proved) for kind, name in revocable(fields)):
        raise RequestError(f"the token of {show(who)} is revoked")
    if isinstance(ends, Datetime) and ends.micros <= now.micros:
        raise RequestError(f"the token of {show(who)} counted until {ends}")
    if proved is None:
        raise RequestError(f"the token of {show(who)} does not tell when they proved who they are")
    # The clock of the issuer may be ahead of this one.
    return min(proved, now.micros)


def known(ref: EntityRef, schema: Schema) -> EntityRef:
    """Return a name under the name of its type that the policy uses."""
    name = schema.resolve(ref.type)
    return ref if name == ref.type else EntityRef(name, ref.id)
