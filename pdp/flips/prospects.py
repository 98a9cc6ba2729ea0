"""The ways for a decision to be another one, and what each takes at the least.

Most of them are set aside by that alone: whatever a clause looks at is among what its text names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from pdp import terms
from pdp.flips.obstacles import Aim, Court, Kind, Target
from pdp.flips.profile import ACTING, ADMINISTRATOR, MEMBERSHIP, NOBODY, apart, ranks_of
from pdp.interpreter import Finding
from pdp.model import Effect
from pdp.schema import Schema
from pdp.terms import ClauseKind
from pdp.values import EntityRef

_FEW: Final = 8
"""So many forbids that deny are looked at for what a permit takes: the bound is one all the same."""


# Members of an enumeration take their time to be found by name, and each rule is asked for its effect.
_PERMIT, _FORBID, _UNLESS = Effect.PERMIT, Effect.FORBID, ClauseKind.UNLESS


Prospect: TypeAlias = tuple[Aim, terms.Rule | None, Kind]
"""What a target is made of, and what it takes: of most, nobody ever asks for the target itself."""


class Prospects:
    """Every way for a decision to be another one, the nearest first."""

    def __init__(self, found: Iterable[Prospect]) -> None:
        self.nearest: terms.Rule | None = None
        """The rule that the least stands in the way of."""
        # Of a thousand rules, most take the same of the same people.
        self._kinds: dict[Kind, list[tuple[Aim, terms.Rule | None]]] = {}
        for aim, rule, kind in found:
            self.nearest = self.nearest or rule
            self._kinds.setdefault(kind, []).append((aim, rule))

    def within(self, quota: tuple[int, ...]) -> Iterator[Target]:
        """Yield the targets that those who a quota is of could bring about."""
        bits, count = sum(1 << rank for rank, each in enumerate(quota) if each), sum(quota)
        for (least, only, ranks), targets in self._kinds.items():
            enough = least <= count and all(need <= each for need, each in zip(only, quota, strict=False))
            if enough and all(each & bits for each in ranks):
                for aim, rule in targets:
                    yield Target(aim, rule)


def prospects(court: Court, *, allowed: bool) -> Prospects:
    """Return every way for a decision to be another one, the nearest first."""
    if allowed:
        nobody, refusal = (Aim.NO_PERMIT, None, _no_permit(court)), (Aim.REFUSAL, None, _ANY)
        return Prospects([nobody, *_nearest(Aim.FORBID, court.forbids, court), refusal])
    return Prospects(_nearest(Aim.PERMIT, court.permits, court))


_ANY: Final[Kind] = (1, (), frozenset())
"""Of what may take anything of anybody, but something."""


def _nearest(aim: Aim, rules: Iterable[terms.Rule], court: Court) -> list[Prospect]:
    """Return what is known of each rule, those first that the fewest changes bring about, and that fail in least."""
    found = [(*_near(rule, court), rule.id, rule) for rule in rules if _could(rule, court)]
    found.sort(key=lambda each: (each[0][0], each[1], each[2]))
    return [(aim, rule, kind) for kind, _, _, rule in found]


def _near(rule: terms.Rule, court: Court) -> tuple[Kind, int]:
    """Return what a rule takes, and in how many ways it fails."""
    sides, clauses = _sides(rule, court), _clauses(rule, court)
    failing = len(sides) + len(clauses)
    if court.strange:
        return _ANY, failing
    # Of a thousand rules, most fail in the same few ways.
    key = rule.effect is _PERMIT, tuple(sides.items()), tuple(clauses)
    kind = court.kinds.get(key)
    if kind is None:
        kind = court.kinds[key] = _kind_of(rule, sides, clauses, court)
    return kind, failing


def _kind_of(rule: terms.Rule, sides: dict[str, frozenset[str]], clauses: list[frozenset[str]], court: Court) -> Kind:
    # Nobody comes into a scope by the passing of time: memberships end then, and none begins.
    brought = bool(court.brought)
    marks = [(each, ranks_of(each, brought=brought) & ~(1 << NOBODY)) for each in sides.values()]
    denying = court.denying[:_FEW] if rule.effect is _PERMIT else []
    marks += [(each, ranks_of(each, brought=brought)) for each in (*clauses, *denying)]
    # A membership may be of both who asks and what is asked for. Where it cannot, the two are apart.
    more = "principal" in sides and "resource" in sides and court.distinct
    return _measured(marks, court, more=int(more))


def _no_permit(court: Court) -> Kind:
    found = [court.profiles[rule].whole for rule in court.permits if _applies(court.findings.get(rule.id))]
    marks = [(each, ranks_of(each, brought=bool(court.brought))) for each in found]
    return _measured(marks, court)


def _measured(marks: list[tuple[frozenset[str], int]], court: Court, more: int = 0) -> Kind:
    absent = court.base.question.session is None
    only = [apart((each for each, who in marks if who == 1 << rank), absent=absent) for rank in range(NOBODY + 1)]
    if not court.brought:
        only[ADMINISTRATOR] += more
    least = max(apart((each for each, _ in marks), absent=absent) + more, 1)
    return least, tuple(only), frozenset(ranks for _, ranks in marks)


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
    if rule.effect is _FORBID and {"principal", "actor"} & found.keys():
        # One of the two is enough.
        both = {"principal", "actor"} <= found.keys()
        found.pop("principal", None)
        if not both:
            found.pop("actor", None)
    return found


def _clauses(rule: terms.Rule, court: Court) -> list[frozenset[str]]:
    """Return the marks of each clause that keeps a permit from applying, or a forbid from denying."""
    permit, marks = rule.effect is _PERMIT, court.profiles[rule].clauses
    return [
        marks[at]
        for at, (clause, found) in enumerate(court.clauses(rule))
        if found is (clause.kind is _UNLESS) or (permit and not isinstance(found, bool))
    ]


def _could(rule: terms.Rule, court: Court) -> bool:
    """Tell whether a question could ever be in the scope of a rule: who asks, and on what, stays."""
    question, schema = court.base.question, court.schema
    if not _reaches(rule.resources, question.resource, schema):
        return False
    # A forbid may be about whoever acts for the principal.
    return rule.effect is _FORBID or _reaches(rule.principals, question.principal, schema)


def _reaches(scopes: Iterable[terms.Scope], ref: EntityRef, schema: Schema) -> bool:
    name, above = ref.type, None
    for scope in scopes:
        if scope.type is not None and scope.type != name:
            continue
        if scope.within is None:
            return True
        if above is None:
            declared = schema.entities.get(name)
            above = frozenset[str]() if declared is None else declared.parents
        for parent in scope.within:
            if parent == ref or any(schema.can_be_in(name, parent.type) for name in above):
                return True
    return False
