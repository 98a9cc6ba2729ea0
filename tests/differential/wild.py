"""Conditions of any shape over operands of any type, and attributes of any value: what no checker lets through."""

from __future__ import annotations

import random

from pdp import terms
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp, QuantifierOp
from pdp.terms import Term
from pdp.values import UNKNOWN, Datetime, EntityRef, Unknown, Value, ValueSet
from tests.differential import world
from tests.differential.conditions import PATTERNS, ROOTS, Drawer

NAMES = (
    "level",
    "active",
    "name",
    "tags",
    "mode",
    "team",
    "friends",
    "ends",
    "budget",
    "home",
    "boss",
    "net",
    "marks",
    "owner",
    "secret",
    "opened",
    "code",
    "rank",
    "keepers",
    "parts",
    "score",
    "size",
    "ticket",
    "since",
    "labels",
    "place",
    "mfa",
    "methods",
    "acr",
    "expires_at",
    "city",
    "floor",
    "nowhere",
    "class",
)
STRANGERS = (EntityRef("User", "gone"), EntityRef("Nothing", "x"), EntityRef("Site", "s"), EntityRef("Robot", "r"))


def wild_value(rng: random.Random) -> Value:
    """Return a value of any kind."""
    draw = rng.random()
    if draw < 0.1:
        return Datetime(world.NOW + rng.randint(-12, 12) * world.STEP)
    if draw < 0.2:
        return rng.choice(STRANGERS)
    if draw < 0.3:
        return ValueSet(rng.choice((1, True, "1", "x", False, 0, world.MODES[0])) for _ in range(rng.randint(0, 3)))
    kind = rng.choice(tuple(world.POOLS))
    return rng.choice(world.SETS[kind]) if draw < 0.4 else rng.choice(world.POOLS[kind])


def wild_attribute(rng: random.Random) -> Value | Unknown:
    """Return what an attribute may be found to be."""
    return UNKNOWN if rng.random() < 0.2 else wild_value(rng)


def wild_term(drawer: Drawer, depth: int = 3, bound: tuple[terms.Variable, ...] = ()) -> Term:
    """Return a term of any shape; `bound` are the variables around it."""
    rng = drawer.rng

    def inner() -> Term:
        return wild_term(drawer, depth - 1, bound)

    if depth == 0 or rng.random() < 0.12:
        return _leaf(drawer, bound)
    match rng.randrange(20):
        case 0 | 1:
            return terms.And(operands=tuple(inner() for _ in range(rng.randint(1, 3))))
        case 2 | 3:
            return terms.Or(operands=tuple(inner() for _ in range(rng.randint(1, 3))))
        case 4:
            return terms.Not(operand=inner())
        case 5:
            return terms.If(test=inner(), then=inner(), otherwise=inner())
        case 6 | 7:
            return terms.Compare(op=rng.choice(tuple(CompareOp)), left=inner(), right=inner())
        case 8:
            return terms.Arithmetic(op=rng.choice(tuple(ArithmeticOp)), left=inner(), right=inner())
        case 9:
            return terms.Negate(operand=inner())
        case 10 | 11:
            return terms.In(left=inner(), right=inner())
        case 12:
            kind = rng.choice(("User", "Bot", "Group", "Nothing"))
            return terms.Is(operand=inner(), type=kind)
        case 13:
            return terms.IsEmpty(operand=inner())
        case 14:
            return terms.Contains(op=rng.choice(tuple(ContainsOp)), left=inner(), right=inner())
        case 15:
            return terms.Like(operand=inner(), parts=rng.choice(PATTERNS))
        case 16:
            variable = drawer.variable()
            body = wild_term(drawer, depth - 1, (*bound, variable))
            return terms.Quantifier(op=rng.choice(tuple(QuantifierOp)), variable=variable, domain=inner(), body=body)
        case 17:
            return terms.SetOf(items=tuple(inner() for _ in range(rng.randint(0, 3))))
        case 18:
            return terms.RecordOf(fields=tuple((name, inner()) for name in rng.sample(("city", "floor", "size"), 2)))
        case _:
            return rng.choice((drawer.condition, drawer.time_test, drawer.calendar_test, drawer.approvals))()


def _leaf(drawer: Drawer, bound: tuple[terms.Variable, ...]) -> Term:
    rng = drawer.rng
    draw = rng.random()
    if draw < 0.2:
        return terms.Constant(value=wild_value(rng))
    if draw < 0.3:
        return rng.choice(tuple(ROOTS.values()))
    if draw < 0.5 and bound:
        return rng.choice(bound)
    if draw < 0.75:
        base: Term = rng.choice(tuple(ROOTS.values()))
        if bound and rng.random() < 0.3:
            base = rng.choice(bound)
        for _ in range(rng.choice((0, 0, 1))):
            base = terms.Attribute(base=base, name=rng.choice(NAMES))
        made = terms.Has if rng.random() < 0.25 else terms.Attribute
        return made(base=base, name=rng.choice(NAMES))
    return drawer.path(rng.choice(tuple(drawer.paths)))
