"""The meaning of a policy: which rules apply to a question, what they decide, and how long that stays true.

This is the judge of every faster form, so it is written to be read. It looks at every rule of the action that is asked
about, and at every clause of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from pdp import terms
from pdp.classes import dataclass
from pdp.errors import article
from pdp.evaluation import (
    FOREVER,
    Question,
    Scene,
    count_approvals,
    evaluate,
    holds,
    proved_at,
    revocable,
    revoked,
)
from pdp.model import ApprovalsMissing, Effect, Lift, Need, Outcome, Reason, Remedy
from pdp.operators import Found, Truth, conjunction, invert
from pdp.ports import Facts
from pdp.schema import Schema
from pdp.symbols import Semantics
from pdp.terms import ClauseKind
from pdp.values import UNKNOWN, Datetime, EntityRef, Unknown, Value, show

# Members of an enumeration take their time to be found by name, and each rule is asked for its effect.
_PERMIT, _FORBID = Effect.PERMIT, Effect.FORBID
_UNLESS, _NEEDS = ClauseKind.UNLESS, ClauseKind.NEEDS
_CEDAR: Final = Semantics.CEDAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """An obligation with its arguments; those that are unknown are named instead."""

    name: str
    arguments: Mapping[str, Value]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one rule in scope: each of its clauses, and its whole condition.

    `skips` says that the rule counts for nothing where that is unknown, a forbid included: so it is in Cedar.
    """

    rule: terms.Rule
    clauses: tuple[tuple[terms.Clause, Found], ...]
    condition: Truth
    duties: tuple[Duty, ...]
    edges: frozenset[int] = frozenset()
    skips: bool = False

    @property
    def applies(self) -> bool:
        """Whether the rule applies. A permit that cannot say what it obliges to does not."""
        if self.condition is not True:
            return False
        return self.rule.effect is _FORBID or not any(duty.unknown for duty in self.duties)

    @property
    def errs(self) -> bool:
        """Whether the rule's whole condition is unknown."""
        return isinstance(self.condition, Unknown)

    @property
    def denies(self) -> bool:
        """Whether this is a forbid that applies, or that nobody can say does not."""
        return self.rule.effect is _FORBID and (self.applies or (self.errs and not self.skips))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The answer to a question, with all that led to it. `valid_until` is in microseconds since the epoch."""

    outcome: Outcome
    reason: Reason
    detail: str = ""
    findings: tuple[Finding, ...] = ()
    determining: tuple[Finding, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    valid_until: int | None = None

    @property
    def erring(self) -> tuple[Finding, ...]:
        """Every rule in scope whose whole condition is unknown."""
        return tuple(finding for finding in self.findings if finding.errs)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """The union of the obligations of the determining rules, in a fixed order."""
        found = {_duty_key(duty): duty for finding in self.determining for duty in finding.duties}
        return tuple(found[key] for key in sorted(found))


def judge(policy: terms.Policy, question: Question, facts: Facts) -> Judgement:
    """Answer a question."""
    refused = before_rules(policy.schema, question, facts)
    if refused is not None:
        return refused
    scene = Scene(question, facts)
    rules = policy.by_action.get(question.action, ())
    return conclude([finding for rule in rules if (finding := look_at(rule, scene)) is not None], scene)


def conclude(findings: Sequence[Finding], scene: Scene) -> Judgement:
    """Return what rules in scope come to, in the order of their ids. Those that change nothing may be left out."""
    question = scene.question
    forbids = tuple(finding for finding in findings if finding.denies)
    permits = tuple(finding for finding in findings if finding.rule.effect is _PERMIT and finding.applies)
    if forbids:
        outcome, reason, determining = Outcome.DENY, Reason.FORBIDDEN, forbids
    elif permits:
        outcome, reason, determining = Outcome.ALLOW, Reason.PERMITTED, permits
    else:
        outcome, reason, determining = Outcome.DENY, Reason.DEFAULT, ()
    return Judgement(
        outcome=outcome,
        reason=reason,
        findings=tuple(findings),
        determining=determining,
        remedies=() if outcome is Outcome.ALLOW else find_remedies(findings, scene),
        valid_until=_least(
            chain(
                session_ends(question),
                chain.from_iterable(finding.edges for finding in findings),
                _rechecks(determining, question.now),
            ),
            question.now,
        ),
    )


# ------------------------------------------------------------------------------------------------- before any rule


def before_rules(schema: Schema, question: Question, facts: Facts) -> Judgement | None:
    """Return the deny of a question that no rule may be asked about, or None."""
    return (
        _check_names(schema, question)
        or _check_sources(facts)
        or _check_principals(Scene(question, facts))
        or _check_session(question, facts)
        or _check_entities(question, facts)
    )


_LONGEST: Final = 60


def _cut(name: str) -> str:
    """Return a name that nobody declared for a message: whoever asks made it up, and messages are kept and sent."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


def _check_names(schema: Schema, question: Question) -> Judgement | None:
    action = schema.actions.get(question.action)
    if action is None:
        return _deny(Reason.INVALID_REQUEST, f"the action `{_cut(question.action)}` is not declared")
    for ref, allowed, role in (
        (question.principal, action.principals, "asked by"),
        (question.resource, action.resources, "asked on"),
    ):
        if schema.open:
            break
        declared = schema.entities.get(ref.type)
        if declared is None:
            return _deny(Reason.INVALID_REQUEST, f"the type `{_cut(ref.type)}` is not declared")
        if ref.type not in allowed:
            return _deny(Reason.INVALID_REQUEST, f"`{action.name}` is not {role} {article(ref.type)}")
        if declared.ids is not None and ref.id not in declared.ids:
            return _deny(Reason.INVALID_REQUEST, f"{ref} is not one of the entities that `{ref.type}` lists")
    return None


def _check_sources(facts: Facts) -> Judgement | None:
    failure = facts.failure
    return None if failure is None else _deny(failure.reason, failure.detail)


def _check_principals(scene: Scene) -> Judgement | None:
    proved = proved_at(scene.question.session)
    for ref in (scene.question.principal, scene.question.actor):
        if ref is None:
            continue
        found, until = revoked(ref, proved, scene)
        if found:
            # Only a membership in a group that is revoked has an end.
            return _deny(Reason.PRINCIPAL_REVOKED, f"{ref} is revoked", _least([until], scene.question.now))
    return None


def _check_session(question: Question, facts: Facts) -> Judgement | None:
    session = question.session
    if session is None:
        return None
    for name in TOLD:
        if isinstance(session.get(name), Unknown):
            return _deny(Reason.INVALID_SESSION, f"the session's `{name}` is not of its type")
    proved = proved_at(session)
    if any(facts.session_revoked(kind, name, proved) for kind, name in revocable(session)):
        return _deny(Reason.SESSION_REVOKED, "the session is revoked")
    expires, starts = _micros(session.get("expires_at")), _session_starts(question)
    if expires is not None and expires <= question.now:
        return _deny(Reason.SESSION_EXPIRED, f"the session expired at {Datetime(expires)}")
    if starts:
        until = _least([*starts, *session_ends(question)], question.now)
        return _deny(Reason.SESSION_NOT_YET_VALID, f"the session starts at {Datetime(max(starts))}", until)
    return None


TOLD: Final = (
    "actor",
    "issuer",
    "session_id",
    "token_id",
    "key_id",
    "device_id",
    "expires_at",
    "issued_at",
    "authenticated_at",
)
"""What of a session is looked at before any rule."""


def _check_entities(question: Question, facts: Facts) -> Judgement | None:
    for ref in (question.principal, question.resource, question.actor):
        if ref is not None and facts.node(ref) is None:
            # The lease of every deny ends with the session that asked for it.
            return _deny(
                Reason.UNKNOWN_ENTITY,
                f"nothing holds {ref}",
                _least(session_ends(question), question.now),
            )
    return None


def _deny(reason: Reason, detail: str, valid_until: int | None = None) -> Judgement:
    return Judgement(outcome=Outcome.DENY, reason=reason, detail=detail, valid_until=valid_until)


def session_ends(question: Question) -> list[int]:
    """Return when the session expires, if it does."""
    expires = None if question.session is None else _micros(question.session.get("expires_at"))
    return [] if expires is None else [expires]


def _session_starts(question: Question) -> list[int]:
    session = question.session or {}
    found = [_micros(session.get(name)) for name in ("issued_at", "authenticated_at")]
    return [micros for micros in found if micros is not None and micros > question.now]


def _micros(value: Found | None) -> int | None:
    return value.micros if isinstance(value, Datetime) else None


# ---------------------------------------------------------------------------------------------------------- a rule


def look_at(rule: terms.Rule, outer: Scene) -> Finding | None:
    """Return what becomes of a rule, or None where the question is out of its scope."""
    question = outer.question
    if question.action not in rule.actions or not _in_scope(rule, outer):
        return None
    scene = outer.apart()
    clauses = _clauses(rule, scene)
    condition = whole(clauses)
    edges = _scope_edges(rule, outer)
    if scene.edges:
        timeless = whole(_clauses(rule, scene.mask()))
        # What is known with every time test unknown stays so. An unknown may be the time tests' own: it does not.
        edges |= scene.edges if isinstance(timeless, Unknown) else set()
    duties, ends = _duties(rule, outer)
    return Finding(
        rule=rule,
        clauses=clauses,
        condition=condition,
        duties=duties,
        edges=frozenset(edges | ends),
        skips=question.semantics is _CEDAR,
    )


def _clauses(rule: terms.Rule, scene: Scene) -> tuple[tuple[terms.Clause, Found], ...]:
    return tuple([(clause, evaluate(clause.condition, scene)) for clause in rule.clauses])


def whole(clauses: Iterable[tuple[terms.Clause, Found]]) -> Truth:
    """Return a rule's whole condition: every clause, an `unless` negated."""
    return conjunction([invert(found) if clause.kind is _UNLESS else found for clause, found in clauses])


def _in_scope(rule: terms.Rule, scene: Scene) -> bool:
    question = scene.question
    principal, resource, actor = (
        _holds(rule, rule.principals, question.principal, scene),
        _holds(rule, rule.resources, question.resource, scene),
        question.actor,
    )
    if actor is None:
        return principal and resource and rule.via is None
    if rule.effect is _FORBID:
        return resource and (principal or _holds(rule, rule.principals, actor, scene))
    return principal and resource and rule.via is not None and _holds(rule, rule.via, actor, scene)


def _holds(rule: terms.Rule, scopes: tuple[terms.Scope, ...], ref: EntityRef, scene: Scene) -> bool:
    truth, _ = holds(scopes, ref, scene)
    # INVARIANT: where a source failed, a forbid's scope holds and a permit's does not.
    return rule.effect is _FORBID if isinstance(truth, Unknown) else truth


def _scope_edges(rule: terms.Rule, scene: Scene) -> set[int]:
    """Return the ends of the memberships that put the question into the rule's scope, or may do so."""
    question, actor = scene.question, scene.question.actor
    ends = set()
    for items, ref in (
        (rule.principals, question.principal),
        (rule.resources, question.resource),
        (rule.principals if rule.via is None else rule.via, actor),
    ):
        if ref is None or (len(items) == 1 and items[0].within is None):
            # A scope of a whole type has no end.
            continue
        truth, end = holds(items, ref, scene)
        if truth is not False and end < FOREVER:
            ends.add(end)
    return ends


def _duties(rule: terms.Rule, outer: Scene) -> tuple[tuple[Duty, ...], set[int]]:
    """Return what a rule obliges to, and the edges of that."""
    if not rule.obligations:
        return (), set()
    scene = outer.apart()
    return tuple(_duty(obligation, scene) for obligation in rule.obligations), scene.edges


def _duty(obligation: terms.ObligationTerm, scene: Scene) -> Duty:
    found = {name: evaluate(term, scene) for name, term in obligation.arguments}
    return Duty(
        name=obligation.name,
        arguments={name: value for name, value in found.items() if not isinstance(value, Unknown)},
        unknown=tuple(name for name, value in found.items() if isinstance(value, Unknown)),
    )


def _duty_key(duty: Duty) -> tuple[str, str, tuple[str, ...]]:
    arguments = ", ".join(f"{name}: {show(duty.arguments[name])}" for name in sorted(duty.arguments))
    return duty.name, arguments, duty.unknown


def _rechecks(determining: Iterable[Finding], now: int) -> list[int]:
    rules = [finding.rule for finding in determining]
    return [now + rule.recheck.micros for rule in rules if rule.recheck is not None]


def _least(edges: Iterable[int], now: int) -> int | None:
    return min((edge for edge in edges if now < edge < FOREVER), default=None)


# -------------------------------------------------------------------------------------------------------- remedies


def find_remedies(findings: Iterable[Finding], scene: Scene) -> tuple[Remedy, ...]:
    """Return the ways out of a deny that failed for nothing but unmet needs and liftable forbids."""
    findings = list(findings)
    lifts = []
    for finding in findings:
        if finding.denies:
            ways = _unmet(finding, _UNLESS, scene)
            if not ways:
                return ()
            lifts.append(Lift(rule=finding.rule.id, one_of=ways))
    return tuple(
        Remedy(rule=finding.rule.id, needs=_unmet(finding, _NEEDS, scene), lifts=tuple(lifts))
        for finding in findings
        if finding.rule.effect is _PERMIT and _only_needs(finding)
    )


def _only_needs(finding: Finding) -> bool:
    """Tell whether a permit fails for nothing but its needs."""
    if any(duty.unknown for duty in finding.duties):
        return False
    # No text has an `unless` in a permit. Where data has one, it counts as in the whole condition.
    return all(found is (clause.kind is not _UNLESS) for clause, found in finding.clauses if clause.kind is not _NEEDS)


def _unmet(finding: Finding, kind: ClauseKind, scene: Scene) -> tuple[Need, ...]:
    # A need is unmet when it is not true: unknown included.
    needs = [
        need_of(finding.rule, clause, scene)
        for clause, found in finding.clauses
        if clause.kind is kind and found is not True
    ]
    return tuple(sorted(needs, key=lambda need: (need.text, str(need.approvals))))


def need_of(rule: terms.Rule, clause: terms.Clause, scene: Scene) -> Need:
    """Return what a clause needs, as a remedy tells it."""
    condition = clause.condition
    if isinstance(condition, terms.Approvals):
        missing = _missing(condition, scene)
        return Need(rule=rule.id, text=clause.remedy or _approvals_text(missing), approvals=missing)
    written = "" if condition.span is None else " ".join(condition.span.text.split())
    return Need(rule=rule.id, text=clause.remedy or written)


def _missing(condition: terms.Approvals, scene: Scene) -> ApprovalsMissing:
    _, counted = count_approvals(condition, scene)
    bound = UNKNOWN if condition.of is None else evaluate(condition.of, scene)
    return ApprovalsMissing(
        missing=max(condition.count - counted, 0),
        count=condition.count,
        approvers=tuple(str(scope) for scope in condition.approvers),
        window=condition.window,
        of=None if isinstance(bound, Unknown) else bound,
    )


def _approvals_text(missing: ApprovalsMissing) -> str:
    word = "approval" if missing.count == 1 else "approvals"
    bound = "" if missing.of is None else f" of {show(missing.of)}"
    return f"{missing.count} {word}{bound} from {', '.join(missing.approvers)}"
