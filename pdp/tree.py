"""The decision tree above the conditions: which rules exist for a kind of question, and how they are found.

Rules that name entities are data: they are looked up by what the principal is in, then by what the resource is in, so
that their number hardly counts. The others fall apart by the value of the attribute that most of them test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass
from pdp.lowering import Setting, total, type_of, within
from pdp.model import Effect
from pdp.symbols import CompareOp
from pdp.terms import ClauseKind, RootName, Rule, Scope
from pdp.types import Primitive
from pdp.values import EntityRef, Value

Row: TypeAlias = dict[EntityRef | None, list[int]]
"""Rules by what the resource is in; None for those that are on every resource."""

_MANY: Final = 256
"""A rule that names more pairs of entities than this is not looked up by them, but tested."""

_INLINE: Final = 3
"""So few rules that name entities are tested one after the other: looking them up would take longer."""

_APART: Final = 16
"""From so many rules with conditions on, those that test one attribute for equality are looked up by its value."""


# Members of an enumeration take their time to be found by name, and the first decision asks this of each rule.
_PRINCIPAL, _RESOURCE = RootName.PRINCIPAL, RootName.RESOURCE
_WHEN, _EQ, _FORBID = ClauseKind.WHEN, CompareOp.EQ, Effect.FORBID


@dataclass(slots=True, eq=False)
class Bucket:
    """The rules of the same actions for the same types: by what their principals are in, and all that name nothing."""

    rows: dict[EntityRef | None, Row]
    open: list[int]
    duties: bool = False
    """Whether a permit that is looked up has obligations."""
    forbids: bool = False
    """Whether a rule that is looked up is a forbid."""
    rechecks: bool = False
    """Whether a decision of any of the rules holds for some time only."""


class Index:
    """The rules of a policy by action, type and the entities that they name. Rules have numbers, in order of their ids.

    Rules for delegated requests only (`via`) are not among them.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self._buckets: dict[tuple[frozenset[str], str | None, str | None], Bucket] = {}
        for number, rule in enumerate(self.rules):
            if rule.via is None:
                self._add(number, rule)

    def _add(self, number: int, rule: Rule) -> None:
        for principals in rule.principals:
            for resources in rule.resources:
                place = (rule.actions, principals.type, resources.type)
                bucket = self._buckets.get(place)
                if bucket is None:
                    bucket = self._buckets[place] = Bucket({}, [])
                _put(bucket, number, principals.within, resources.within)
                if rule.effect is _FORBID:
                    bucket.forbids = True
                elif rule.role is None and rule.obligations:
                    bucket.duties = True
                if rule.recheck is not None:
                    bucket.rechecks = True

    def cell(self, action: str, principal: str, resource: str) -> Placed:
        """Return the rules of one cell."""
        rows: list[dict[EntityRef | None, Row]] = []
        found: set[int] = set()
        duties = forbids = rechecks = False
        for (actions, of_principal, of_resource), bucket in self._buckets.items():
            if action in actions and of_principal in (None, principal) and of_resource in (None, resource):
                found.update(bucket.open)
                if bucket.rows:
                    rows.append(bucket.rows)
                duties, forbids = duties or bucket.duties, forbids or bucket.forbids
                rechecks = rechecks or bucket.rechecks
        few = _few(rows)
        if few is not None:
            found |= few
            rows = []
        opened = tuple((self.rules[number], self._scope(number, principal, resource)) for number in sorted(found))
        return Placed(opened, tuple(rows), duties=duties, forbids=forbids, rechecks=rechecks)

    def _scope(self, number: int, principal: str, resource: str) -> tuple[terms.Term, ...]:
        """Return the tests of a rule's scope that its types do not answer."""
        rule, found = self.rules[number], []
        for root, scopes, kind in (
            (_PRINCIPAL, rule.principals, principal),
            (_RESOURCE, rule.resources, resource),
        ):
            refs = _named(scopes, kind)
            if refs is not None:
                found.append(within(root, refs))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Placed:
    """The rules of a cell: those that are tested, each with the tests of its scope, and tables of those looked up.

    `duties` and `forbids` say whether a permit with obligations, or a forbid, is among the latter; `rechecks` whether
    a decision of any of them all holds for some time only.
    """

    open: tuple[tuple[Rule, tuple[terms.Term, ...]], ...]
    rows: tuple[dict[EntityRef | None, Row], ...]
    duties: bool
    forbids: bool
    rechecks: bool

    @property
    def looked_up(self) -> set[int]:
        """The numbers of all rules that are looked up."""
        rows = chain.from_iterable(table.values() for table in self.rows)
        return set(chain.from_iterable(chain.from_iterable(row.values()) for row in rows))


def _put(
    bucket: Bucket, number: int, principals: tuple[EntityRef, ...] | None, resources: tuple[EntityRef, ...] | None
) -> None:
    if (principals is None and resources is None) or len(principals or ()) * len(resources or ()) > _MANY:
        bucket.open.append(number)
        return
    for principal in (None,) if principals is None else principals:
        row = bucket.rows.get(principal)
        if row is None:
            row = bucket.rows[principal] = {}
        for resource in (None,) if resources is None else resources:
            found = row.get(resource)
            if found is None:
                row[resource] = [number]
            else:
                found.append(number)


def _few(rows: Iterable[Mapping[EntityRef | None, Row]]) -> set[int] | None:
    """Return the rules of some tables where they are few, else None."""
    found: set[int] = set()
    for table in rows:
        for row in table.values():
            for numbers in row.values():
                found.update(numbers)
                if len(found) > _INLINE:
                    return None
    return found


def _named(scopes: Iterable[Scope], kind: str) -> tuple[EntityRef, ...] | None:
    """Return the entities that scopes name for a type; None where they hold every entity of it."""
    found: dict[EntityRef, None] = {}
    for scope in scopes:
        if scope.type in (None, kind):
            if scope.within is None:
                return None
            found |= dict.fromkeys(scope.within)
    return tuple(found)


# ------------------------------------------------------------------------------------------------- many conditions


@dataclass(frozen=True, slots=True)
class Fork:
    """A look-up by the value of an attribute of the principal or the resource: the rules that test it for each value.

    A rule that does not stand here does not test it.
    """

    root: RootName
    attribute: str
    rules: Mapping[Value, tuple[int, ...]]


Path = tuple[bool, str]
"""An attribute of the principal (True) or of the resource: what Python hashes faster than a member of an enum."""

Choices = Mapping[Path, Value]
"""What a rule asks some attributes to be equal to: if one is not, the rule does not matter."""


def fork(found: Sequence[Choices]) -> Fork | None:
    """Return the look-up that tells most of many rules apart, by their places; None where none is worth it."""
    if len(found) < _APART:
        return None
    counts = Counter(chain.from_iterable(found))
    best, best_many = None, 0
    for path, count in counts.items():
        if count > best_many and len({tests[path] for tests in found if path in tests}) > 2:
            best, best_many = path, count
    if best is None:
        return None
    groups: dict[Value, list[int]] = {}
    for place, tests in enumerate(found):
        if best in tests:
            groups.setdefault(tests[best], []).append(place)
    root = _PRINCIPAL if best[0] else _RESOURCE
    return Fork(root, best[1], {value: tuple(places) for value, places in groups.items()})


_OWNERS: Final = (_PRINCIPAL, _RESOURCE)
_KINDS: Final = {str: Primitive.STRING, int: Primitive.INT}


def choices(rule: Rule, setting: Setting, known: dict[Path, object]) -> Choices:
    """Return what a rule asks attributes to be equal to, texts and numbers only. `known` remembers their types."""
    chosen: dict[Path, Value] = {}
    work = [clause.condition for clause in rule.clauses if clause.kind is _WHEN]
    while work:
        test = work.pop()
        if test.__class__ is terms.And:
            work.extend(test.operands)
        elif test.__class__ is terms.AndThen:
            # From the first on that may be unknown, what is false must not hide that.
            first = next((at for at, each in enumerate(test.operands) if not total(each)), len(test.operands))
            work.extend(test.operands[: first + 1])
        elif test.__class__ is terms.Same or (test.__class__ is terms.Compare and test.op is _EQ):
            left, right = test.left, test.right
            if left.__class__ is terms.Constant:
                left, right = right, left
            if left.__class__ is not terms.Attribute or right.__class__ is not terms.Constant:
                continue
            kind, base = _KINDS.get(right.value.__class__), left.base
            if kind is None or base.__class__ is not terms.Root or base.name not in _OWNERS:
                continue
            path = base.name is _PRINCIPAL, left.name
            if path not in known:
                known[path] = type_of(left, setting, {})
            if known[path] is kind:
                chosen[path] = right.value
    return chosen
