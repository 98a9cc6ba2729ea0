"""The forms of terms, clauses and tests. Of a rule, what a request is matched with is read at once, the rest late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any, Final

import msgpack

from pdp import terms
from pdp.cache.forms import (
    FLAG,
    NAMES,
    NUMBER,
    SPAN,
    TEXT,
    Corrupt,
    Form,
    Places,
    choice,
    late,
    listed,
    mapping,
    optional,
    packed,
    pair,
    several,
    shape,
    union,
)
from pdp.cache.schemas import APPROVAL, DATETIME, DURATION, NODE, REF, REVOCATION, VALUE
from pdp.model import Effect
from pdp.schema import Schema
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp, Function, QuantifierOp
from pdp.values import EntityRef
from pdp.zones import CalendarField


def _write_scopes(scopes: Sequence[terms.Scope], places: Places) -> Any:
    return [
        [scope.type, None if scope.within is None else [each for ref in scope.within for each in (ref.type, ref.id)]]
        for scope in scopes
    ]


def _read_scopes(data: Any, places: Places) -> tuple[terms.Scope, ...]:
    # Of these there are as many as of rules.
    found = []
    for kind, within in listed(data):
        if kind is not None and kind.__class__ is not str:
            raise Corrupt
        refs = None
        if within is not None:
            words = iter(listed(within))
            refs = tuple([_ref(type_, id_) for type_, id_ in zip(words, words, strict=True)])
        found.append(terms.Scope(kind, refs))
    return tuple(found)


def _ref(type_: Any, id_: Any) -> EntityRef:
    if type_.__class__ is not str or id_.__class__ is not str:
        raise Corrupt
    return EntityRef(type_, id_)


SCOPES: Final = Form(_write_scopes, _read_scopes)

_TERM: Final = late(lambda: _TERMS)
_TWO: Final = {"left": _TERM, "right": _TERM, "span": SPAN}
_ONE: Final = {"operand": _TERM, "span": SPAN}
_MANY: Final = {"operands": several(_TERM), "span": SPAN}
_VARIABLE: Final = shape(terms.Variable, name=TEXT, index=NUMBER, span=SPAN)
_ADDEND: Final = shape(terms.Addend, term=_TERM, negative=FLAG, span=SPAN)
_COMPARE: Final = choice(CompareOp)

_TERMS: Final[Form] = union(
    {
        1: (terms.Constant, shape(terms.Constant, value=VALUE, span=SPAN)),
        2: (terms.Root, shape(terms.Root, name=choice(terms.RootName), span=SPAN)),
        3: (terms.Variable, _VARIABLE),
        4: (terms.Attribute, shape(terms.Attribute, base=_TERM, name=TEXT, span=SPAN)),
        5: (terms.Has, shape(terms.Has, base=_TERM, name=TEXT, span=SPAN)),
        6: (terms.Not, shape(terms.Not, **_ONE)),
        7: (terms.And, shape(terms.And, **_MANY)),
        8: (terms.Or, shape(terms.Or, **_MANY)),
        9: (terms.If, shape(terms.If, test=_TERM, then=_TERM, otherwise=_TERM, span=SPAN)),
        10: (terms.Compare, shape(terms.Compare, op=_COMPARE, **_TWO)),
        11: (terms.Arithmetic, shape(terms.Arithmetic, op=choice(ArithmeticOp), **_TWO)),
        12: (terms.Negate, shape(terms.Negate, **_ONE)),
        13: (terms.In, shape(terms.In, **_TWO)),
        14: (terms.Is, shape(terms.Is, type=TEXT, within=optional(_TERM), **_ONE)),
        15: (terms.IsEmpty, shape(terms.IsEmpty, **_ONE)),
        16: (terms.Contains, shape(terms.Contains, op=choice(ContainsOp), **_TWO)),
        17: (terms.Like, shape(terms.Like, parts=several(TEXT), **_ONE)),
        18: (
            terms.Quantifier,
            shape(terms.Quantifier, op=choice(QuantifierOp), variable=_VARIABLE, domain=_TERM, body=_TERM, span=SPAN),
        ),
        19: (terms.SetOf, shape(terms.SetOf, items=several(_TERM), span=SPAN)),
        20: (terms.RecordOf, shape(terms.RecordOf, fields=several(pair(TEXT, _TERM)), span=SPAN)),
        21: (terms.TimeTest, shape(terms.TimeTest, op=_COMPARE, bound=several(_ADDEND), span=SPAN)),
        22: (
            terms.CalendarTest,
            shape(
                terms.CalendarTest,
                zone=TEXT,
                field=choice(CalendarField),
                op=optional(_COMPARE),
                values=several(NUMBER),
                span=SPAN,
            ),
        ),
        23: (
            terms.Approvals,
            shape(terms.Approvals, count=NUMBER, of=optional(_TERM), approvers=SCOPES, window=DURATION, span=SPAN),
        ),
        24: (terms.AndThen, shape(terms.AndThen, **_MANY)),
        25: (terms.OrElse, shape(terms.OrElse, **_MANY)),
        26: (terms.Same, shape(terms.Same, **_TWO)),
        27: (terms.Within, shape(terms.Within, **_TWO)),
        28: (terms.HasPath, shape(terms.HasPath, base=_TERM, path=several(TEXT), span=SPAN)),
        29: (terms.Call, shape(terms.Call, function=choice(Function), **_MANY)),
        30: (terms.HasTag, shape(terms.HasTag, base=_TERM, name=_TERM, span=SPAN)),
        32: (terms.Holds, shape(terms.Holds, **_TWO)),
        31: (terms.Tag, shape(terms.Tag, base=_TERM, name=_TERM, span=SPAN)),
    }
)
TERM: Final = _TERMS

# ------------------------------------------------------------------------------------------------------------ rules

_CLAUSE: Final = shape(terms.Clause, kind=choice(terms.ClauseKind), condition=_TERM, remedy=optional(TEXT), span=SPAN)
_OBLIGATION: Final = shape(terms.ObligationTerm, name=TEXT, arguments=several(pair(TEXT, _TERM)), span=SPAN)
_EFFECT: Final = choice(Effect)
_LATE: Final = {
    "clauses": several(_CLAUSE),
    "obligations": several(_OBLIGATION),
    "because": optional(TEXT),
    "standing": optional(TEXT),
    "docs": TEXT,
    "span": SPAN,
}
_RECHECK: Final = optional(DURATION)
_AT_ONCE: Final = ("id", "effect", "principals", "actions", "resources", "via", "role", "recheck", "_late")


class _LateRule:
    """The attributes of a rule that are still data."""

    __slots__ = ("data", "places")

    def __init__(self, data: bytes, places: Places) -> None:
        self.data = data
        self.places = places

    def __call__(self, owner: object) -> Mapping[str, object]:
        try:
            return _read_late(msgpack.unpackb(self.data), self.places)
        except Exception:
            # INVARIANT: what is kept cannot fail what goes well without it.
            rules = zip(self.places.rules, _built(self.places).rules, strict=True)
            found = next(rule for each, rule in rules if each is owner)
            return {name: getattr(found, name) for name in _LATE}


def _built(places: Places) -> terms.Policy:
    """Return the policy of the texts themselves; raise Corrupt where there is none."""
    policy: terms.Policy | None
    if places.rebuild is not None:
        policy = places.rebuild()
    else:
        from pdp.build import build

        policy = build(places.sources, "").checked.policy
    if policy is None:
        raise Corrupt
    return policy


def _read_late(data: Any, places: Places) -> Mapping[str, object]:
    fields = zip(_LATE.items(), listed(data, len(_LATE)), strict=True)
    return {name: form.read(each, places) for (name, form), each in fields}


class Tables:
    """What many rules share, written once: scopes and sets of actions, by number."""

    def __init__(self) -> None:
        self.scopes: dict[tuple[terms.Scope, ...], int] = {}
        self.actions: dict[frozenset[str], int] = {}

    def write(self, places: Places) -> list[Any]:
        """Return the tables as data."""
        return [
            [SCOPES.write(each, places) for each in self.scopes],
            [NAMES.write(each, places) for each in self.actions],
        ]


def write_rules(rules: Sequence[terms.Rule], places: Places) -> bytes:
    """Return rules as data."""
    tables = Tables()
    rows = [_row(rule, tables, places) for rule in rules]
    return packed([tables.write(places), rows])


def _row(rule: terms.Rule, tables: Tables, places: Places) -> list[Any]:
    def number(scopes: tuple[terms.Scope, ...]) -> int:
        return tables.scopes.setdefault(scopes, len(tables.scopes))

    return [
        rule.id,
        str(rule.effect),
        number(rule.principals),
        tables.actions.setdefault(rule.actions, len(tables.actions)),
        number(rule.resources),
        None if rule.via is None else number(rule.via),
        rule.role,
        bool(rule.clauses),
        bool(rule.obligations),
        _RECHECK.write(rule.recheck, places),
        packed([form.write(getattr(rule, name), places) for name, form in _LATE.items()]),
    ]


def read_rules(data: bytes, places: Places) -> list[terms.Rule]:
    """Return the rules that data holds; their conditions and their words are read when they are asked for."""
    tables, rows = listed(msgpack.unpackb(data), 2)
    scopes, actions = listed(tables, 2)
    scope_of = [SCOPES.read(each, places) for each in listed(scopes)]
    actions_of = [NAMES.read(each, places) for each in listed(actions)]
    effects = {str(effect): effect for effect in Effect}
    make, rule_type = object.__new__, terms.Rule
    set_id, set_effect, set_principals, set_actions, set_resources, set_via, set_role, set_recheck, set_late = (
        getattr(terms.Rule, name).__set__ for name in _AT_ONCE
    )
    set_clauses, set_obligations = (getattr(terms.Rule, name).__set__ for name in ("clauses", "obligations"))
    found = []
    for name, effect, principals, covered, resources, via, role, clauses, obligations, recheck, rest in listed(rows):
        if name.__class__ is not str or (role is not None and role.__class__ is not str) or rest.__class__ is not bytes:
            raise Corrupt
        # A list takes True for 1.
        if not principals.__class__ is covered.__class__ is resources.__class__ is int or via.__class__ is bool:
            raise Corrupt
        rule = make(rule_type)
        set_id(rule, name)
        set_effect(rule, effects[effect])
        set_principals(rule, scope_of[principals])
        set_actions(rule, actions_of[covered])
        set_resources(rule, scope_of[resources])
        set_via(rule, None if via is None else scope_of[via])
        # Of roles there are few.
        set_role(rule, None if role is None else intern(role))
        set_recheck(rule, None if recheck is None else _RECHECK.read(recheck, places))
        # Most have none of the one or of the other, and whoever sorts them by that need not read the rest.
        if clauses is False:
            set_clauses(rule, ())
        if obligations is False:
            set_obligations(rule, ())
        set_late(rule, _LateRule(rest, places))
        found.append(rule)
    return found


# ------------------------------------------------------------------------------------------------------------ tests

RULE: Final = shape(
    terms.Rule,
    id=TEXT,
    effect=_EFFECT,
    principals=SCOPES,
    actions=NAMES,
    resources=SCOPES,
    via=optional(SCOPES),
    role=optional(TEXT),
    recheck=_RECHECK,
    **_LATE,
)
_VALUES: Final = mapping(VALUE)
_EXPECTATION: Final = shape(
    terms.Expectation,
    at=optional(DATETIME),
    allow=FLAG,
    principal=REF,
    action=TEXT,
    resource=REF,
    context=_VALUES,
    session=optional(_VALUES),
    rules=optional(NAMES),
    needs=optional(several(TEXT)),
    erring=optional(NAMES),
    obligations=optional(NAMES),
    until=optional(DATETIME),
    standing=FLAG,
    span=SPAN,
)
_STAGE: Final = shape(
    terms.Stage,
    entities=several(NODE),
    grants=several(RULE),
    approvals=several(APPROVAL),
    revocations=several(REVOCATION),
    expectations=several(_EXPECTATION),
    span=SPAN,
)
TESTS: Final[Form] = several(shape(terms.Test, name=TEXT, stages=several(_STAGE), beside=FLAG, span=SPAN))


class _LateTests:
    """The tests of a policy that are still data, file by file."""

    __slots__ = ("data", "places")

    def __init__(self, data: Sequence[bytes], places: Places) -> None:
        self.data = data
        self.places = places

    def __call__(self, owner: object) -> Mapping[str, object]:
        try:
            return {"tests": tuple([test for each in self.data for test in read_tests(each, self.places)])}
        except Exception:
            return {"tests": _built(self.places).tests}


def write_tests(tests: Sequence[terms.Test], places: Places) -> bytes:
    """Return tests as data; nothing for none."""
    return packed(TESTS.write(tests, places)) if tests else b""


def read_tests(data: bytes, places: Places) -> Sequence[terms.Test]:
    """Return the tests that data holds."""
    found: Sequence[terms.Test] = TESTS.read(msgpack.unpackb(data), places) if data else ()
    return found


def policy_of(
    schema: Schema, rules: Sequence[terms.Rule], revision: str, tests: Sequence[bytes], places: Places
) -> terms.Policy:
    """Return a policy whose tests are read when they are asked for."""
    policy = object.__new__(terms.Policy)
    late = _LateTests([each for each in tests if each], places)
    places.rules = found = tuple(rules)
    for name, value in {"schema": schema, "rules": found, "revision": revision, "_late": late}.items():
        object.__setattr__(policy, name, value)
    return policy
