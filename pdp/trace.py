"""Why a decision came out as it did: every rule in scope, every clause with the values it met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pdp import terms, zones
from pdp.classes import dataclass
from pdp.evaluation import Question, Scene, count_approvals, evaluate, weigh_approvals
from pdp.interpreter import Finding, Judgement
from pdp.model import Decision, Effect, Entity, Request
from pdp.operators import Found
from pdp.ports import Facts
from pdp.source import Span
from pdp.symbols import Semantics
from pdp.terms import path
from pdp.types import WEEKDAY
from pdp.values import DATETIME_MAX, UNKNOWN, Datetime, EntityRef, EnumMember, Unknown, Value, quote, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A value that a clause met: the path to it, and what was there; None for the value where it is unknown."""

    text: str
    value: str
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTrace:
    """One approval of what is asked: whose, since when, until when, and why it does not count (None: nobody knows)."""

    approver: str
    at: str
    until: str
    counts: bool | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        names = ("approver", "at", "until", "counts", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseTrace:
    """One clause of a rule in scope. `truth` is True, False, or None for unknown: of the condition as it is written.

    `approvals` are all that there are of what is asked, where it asks for approvals.
    """

    kind: str
    text: str
    truth: bool | None
    values: tuple[Seen, ...]
    remedy: str | None
    place: str
    approvals: tuple[ApprovalTrace, ...] = ()

    @property
    def passes(self) -> bool | None:
        """Whether the clause lets the rule apply; None for unknown. An `unless` does where its condition is false."""
        if self.truth is None:
            return None
        return self.truth is not (self.kind == terms.ClauseKind.UNLESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """One rule in scope: whether it applies (None: unknown), and whether it decided."""

    id: str
    effect: Effect
    applies: bool | None
    determining: bool
    clauses: tuple[ClauseTrace, ...]
    why: str | None
    docs: str
    place: str
    unknown_obligations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A decision, what was asked, and every rule in its scope: those that decided first."""

    decision: Decision
    principal: str
    action: str
    resource: str
    now: str | None
    rules: tuple[RuleTrace, ...]
    actor: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trace as plain data."""
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": self.resource,
                "now": self.now,
                **({} if self.actor is None else {"actor": self.actor}),
            },
            "decision": self.decision.to_json(),
            "rules": [_rule_json(rule) for rule in self.rules],
        }


def build(
    request: Request,
    decision: Decision,
    judgement: Judgement | None,
    question: Question | None,
    facts: Facts | None,
) -> Trace:
    """Tell a judgement as a trace; None where the request never came so far."""
    rules: list[RuleTrace] = []
    shown = show if question is None else _shower(question)
    if judgement is not None and question is not None and facts is not None:
        scene = Scene(question, facts)
        deciding = {finding.rule.id for finding in judgement.determining}
        rules = [_rule(finding, finding.rule.id in deciding, scene) for finding in judgement.findings]
        rules.sort(key=_weight)
    return Trace(
        decision=decision,
        principal=_named(request.principal, shown),
        action=str(request.action),
        resource=_named(request.resource, shown),
        now=None if question is None else str(Datetime(question.now)),
        rules=tuple(rules),
        actor=None if question is None or question.actor is None else str(question.actor),
    )


def _weight(rule: RuleTrace) -> tuple[bool, bool, bool, str]:
    """Order rules by how much they say: those that decided, then what could, and permits before guards."""
    return not rule.determining, rule.applies is False, rule.effect is Effect.FORBID, rule.id


def _shower(question: Question) -> Callable[[Value], str]:
    """Return what writes values, in the language that the policies are in."""
    if question.semantics is not Semantics.CEDAR:
        return show
    from pdp.cedar.text import show_value

    return show_value


def _named(given: object, shown: Callable[[Value], str]) -> str:
    ref = given.ref if isinstance(given, Entity) else given
    return shown(ref) if isinstance(ref, EntityRef) else str(ref)


def _rule(finding: Finding, determining: bool, scene: Scene) -> RuleTrace:
    rule = finding.rule
    return RuleTrace(
        id=rule.id,
        effect=rule.effect,
        applies=None if finding.errs else finding.applies,
        determining=determining,
        clauses=tuple(_clause(clause, found, scene) for clause, found in finding.clauses),
        why=rule.because or rule.standing,
        docs=rule.docs,
        place=_place(rule.span),
        unknown_obligations=tuple(f"{duty.name}.{name}" for duty in finding.duties for name in duty.unknown),
    )


def _clause(clause: terms.Clause, found: Found, scene: Scene) -> ClauseTrace:
    return ClauseTrace(
        kind=str(clause.kind),
        # The condition of a grant's own time has its keyword in its span.
        text=_written(clause.condition.span or clause.span).removeprefix(f"{clause.kind} "),
        truth=found if isinstance(found, bool) else None,
        values=tuple(_seen(clause.condition, scene)),
        remedy=clause.remedy,
        place=_place(clause.span),
        approvals=tuple(_approvals(clause.condition, scene)) if isinstance(clause.condition, terms.Approvals) else (),
    )


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


def _written(span: Span | None) -> str:
    return "" if span is None else " ".join(span.text.split())


def _place(span: Span | None) -> str:
    return "" if span is None else str(span)


def _seen(condition: terms.Term, scene: Scene) -> Iterator[Seen]:
    """Yield the values that a condition looks at, each path once, in the order in which they are written."""
    done: set[str] = set()
    shown, failed = _shower(scene.question), "unknown"
    if scene.question.semantics is Semantics.CEDAR:
        failed = "an error"
    for text, found in _leaves(condition, scene):
        if text not in done:
            done.add(text)
            value = failed if isinstance(found, Unknown) else shown(found)
            yield Seen(text=text, value=value, known=not isinstance(found, Unknown))


def _leaves(term: terms.Term, scene: Scene) -> Iterator[tuple[str, Found]]:
    where = path(term)
    if where is not None and not isinstance(term, terms.Constant):
        if not isinstance(where[0], int):
            yield _path_text(where), evaluate(term, scene)
        return
    match term:
        case terms.Has():
            base = path(term.base)
            if base is not None and not isinstance(base[0], int):
                yield f"{_path_text(base)} has {_name_text(term.name)}", evaluate(term, scene)
                return
        case terms.HasPath():
            base = path(term.base)
            if base is not None and not isinstance(base[0], int):
                yield f"{_path_text(base)} has {'.'.join(map(_name_text, term.path))}", evaluate(term, scene)
                return
        case terms.HasTag() | terms.Tag():
            yield _written(term.span), evaluate(term, scene)
        case terms.TimeTest():
            yield "now", Datetime(scene.question.now)
        case terms.CalendarTest():
            yield _calendar(term, scene)
        case terms.Approvals():
            # Where nobody can tell what is approved, or of what, there are not none.
            unknown = isinstance(weigh_approvals(term, scene), Unknown)
            yield "approvals", UNKNOWN if unknown else count_approvals(term, scene)[1]
        case _:
            pass
    for child in terms.children(term):
        yield from _leaves(child, scene)


def _path_text(steps: Sequence[object]) -> str:
    start, *names = map(str, steps)
    return start + "".join(f".{name}" if _is_word(name) else f"[{quote(name)}]" for name in names)


def _name_text(name: str) -> str:
    return name if _is_word(name) else quote(name)


def _is_word(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _calendar(term: terms.CalendarTest, scene: Scene) -> tuple[str, Found]:
    """Return what the calendar says, as policies write it."""
    where = "now" if term.zone == "UTC" else f"now[{quote(term.zone)}]"
    found = zones.read(scene.question.now, term.zone, term.field)
    weekday = term.field is zones.CalendarField.WEEKDAY
    return f"{where}.{term.field}", EnumMember(WEEKDAY.name, WEEKDAY.members[found]) if weekday else found


def _rule_json(rule: RuleTrace) -> dict[str, Any]:
    return {
        "id": rule.id,
        "effect": str(rule.effect),
        "applies": rule.applies,
        "determining": rule.determining,
        "why": rule.why,
        "docs": rule.docs,
        "place": rule.place,
        "unknown_obligations": list(rule.unknown_obligations),
        "clauses": [
            {
                "kind": clause.kind,
                "text": clause.text,
                "truth": clause.truth,
                "remedy": clause.remedy,
                "place": clause.place,
                **({"approvals": [each.to_json() for each in clause.approvals]} if clause.approvals else {}),
                "values": [
                    {"text": seen.text, "value": seen.value if seen.known else None, "known": seen.known}
                    for seen in clause.values
                ],
            }
            for clause in rule.clauses
        ],
    }
