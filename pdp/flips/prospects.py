"""The ways for a decision to be another one, and what each takes at the least.

Most of them are set aside by that alone: whatever a clause looks at is among what its text names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pdp import terms
from pdp.classes import dataclass
from pdp.flips.obstacles import Aim, Court, Target
from pdp.flips.profile import ACTING, ADMINISTRATOR, MEMBERSHIP, NOBODY, apart, ranks_of
from pdp.interpreter import Finding
from pdp.model import Effect
from pdp.schema import Schema
from pdp.terms import ClauseKind
from pdp.values import EntityRef

_FEW: Final = 8
"""So many forbids that deny are looked at for what a permit takes: the bound is one all the same."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A target, and how much stands in its way.

    It takes `least` changes at the least, of each rank as many as `only` says; `ranks` are who could remove each thing
    that stands in the way, as bits.
    """

    target: Target
    failing: int
    least: int = 1
    only: tuple[int, ...] = ()
    ranks: frozenset[int] = frozenset()

    @property
    def kind(self) -> tuple[int, tuple[int, ...], frozenset[int]]:
        """What it takes, and of whom."""
        return self.least, self.only, self.ranks


class Prospects:
    """Every way for a decision to be another one, the nearest first."""

    def __init__(self, found: list[Prospect]) -> None:
        self.all = found
        # Of a thousand rules, most take the same of the same people.
        self._kinds: dict[tuple[int, tuple[int, ...], frozenset[int]], list[Target]] = {}
        for each in found:
            self._kinds.setdefault(each.kind, []).append(each.target)

    def within(self, quota: tuple[int, ...]) -> Iterator[Target]:
        """Yield the targets that those who a quota is of could bring about."""
        bits, count = sum(1 << rank for rank, each in enumerate(quota) if each), sum(quota)
        for (least, only, ranks), targets in self._kinds.items():
            enough = least <= count and all(need <= each for need, each in zip(only, quota, strict=False))
            if enough and all(each & bits for each in ranks):
                yield from targets


def prospects(court: Court, *, allowed: bool) -> Prospects:
    """Return every way for a decision to be another one, the nearest first."""
    if allowed:
        found = [_near(Target(Aim.FORBID, rule), court) for rule in court.forbids if _could(rule, court)]
        refusal = Prospect(Target(Aim.REFUSAL), 1)
        return Prospects([_no_permit(court), *sorted(found, key=_distance), refusal])
    found = [_near(Target(Aim.PERMIT, rule), court) for rule in court.permits if _could(rule, court)]
    return Prospects(sorted(found, key=_distance))


def _distance(prospect: Prospect) -> tuple[int, int, str]:
    rule = prospect.target.rule
    return prospect.least, prospect.failing, "" if rule is None else rule.id


def _near(target: Target, court: Court) -> Prospect:
    rule = target.rule
    assert rule is not None
    sides, clauses = _sides(rule, court), list(_clauses(rule, court))
    failing = len(sides) + len(clauses)
    if court.strange:
        return Prospect(target, failing)
    # Nobody comes into a scope by the passing of time: memberships end then, and none begins.
    brought = bool(court.brought)
    marks = [(each, ranks_of(each, brought=brought) & ~(1 << NOBODY)) for each in sides.values()]
    denying = court.denying[:_FEW] if rule.effect is Effect.PERMIT else []
    marks += [(each, ranks_of(each, brought=brought)) for each in (*clauses, *denying)]
    # A membership may be of both who asks and what is asked for. Where it cannot, the two are apart.
    more = "principal" in sides and "resource" in sides and court.distinct
    return _measured(target, failing, marks, court, more=int(more))


def _no_permit(court: Court) -> Prospect:
    found = [court.profiles[rule].whole for rule in court.permits if _applies(court.findings.get(rule.id))]
    marks = [(each, ranks_of(each, brought=bool(court.brought))) for each in found]
    return _measured(Target(Aim.NO_PERMIT), len(found), marks, court)


def _measured(
    target: Target, failing: int, marks: list[tuple[frozenset[str], int]], court: Court, more: int = 0
) -> Prospect:
    # Of a thousand rules, most fail in the same few ways.
    key = tuple(marks), more
    if key not in court.measures:
        absent = court.base.question.session is None
        only = [apart((each for each, who in marks if who == 1 << rank), absent=absent) for rank in range(NOBODY + 1)]
        if not court.brought:
            only[ADMINISTRATOR] += more
        least = max(apart((each for each, _ in marks), absent=absent) + more, 1)
        court.measures[key] = least, tuple(only), frozenset(ranks for _, ranks in marks)
    return Prospect(target, failing, *court.measures[key])


def _applies(finding: Finding | None) -> bool:
    return finding is not None and finding.applies


def _sides(rule: terms.Rule, court: Court) -> dict[str, frozenset[str]]:
    """Return the marks of each side of a rule's scope that a question is out of."""
    if court.findings.get(rule.id) is not None:
        return {}
    found = {}
    for name in ("principal", "resource", "actor"):
        if not court.side(name, rule, court.base):
            found[name] = ACTING | MEMBERSHIP if name == "actor" else MEMBERSHIP
    if rule.effect is Effect.FORBID and {"principal", "actor"} & found.keys():
        # One of the two is enough.
        both = {"principal", "actor"} <= found.keys()
        found.pop("principal", None)
        if not both:
            found.pop("actor", None)
    return found


def _clauses(rule: terms.Rule, court: Court) -> Iterator[frozenset[str]]:
    """Yield the marks of each clause that keeps a permit from applying, or a forbid from denying."""
    profile, permit = court.profiles[rule], rule.effect is Effect.PERMIT
    finding = court.findings.get(rule.id)
    found_of = (
        [found for _, found in finding.clauses]
        if finding is not None
        else [court.clause(rule, at, court.base) for at in range(len(rule.clauses))]
    )
    for at, (clause, found) in enumerate(zip(rule.clauses, found_of, strict=True)):
        unless = clause.kind is ClauseKind.UNLESS
        if found is unless or (permit and not isinstance(found, bool)):
            yield profile.clauses[at]


def _could(rule: terms.Rule, court: Court) -> bool:
    """Tell whether a question could ever be in the scope of a rule: who asks, and on what, stays."""
    question, schema = court.base.question, court.schema
    if not _reaches(rule.resources, question.resource, schema):
        return False
    # A forbid may be about whoever acts for the principal.
    return rule.effect is Effect.FORBID or _reaches(rule.principals, question.principal, schema)


def _reaches(scopes: Iterable[terms.Scope], ref: EntityRef, schema: Schema) -> bool:
    declared = schema.entities.get(ref.type)
    above = frozenset[str]() if declared is None else declared.parents
    for scope in scopes:
        if scope.type not in (None, ref.type):
            continue
        if scope.within is None:
            return True
        for parent in scope.within:
            if parent == ref or any(schema.can_be_in(name, parent.type) for name in above):
                return True
    return False
