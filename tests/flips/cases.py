"""A case: a few random rules, a small world, and one request. Seed and number give the same one anywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pdp.engine import Engine
from pdp.entities import Store
from pdp.model import Approval, Effect, Node, Request
from pdp.symbols import CompareOp
from pdp.terms import And, Clause, ClauseKind, Compare, Constant, Policy, Rule, Scope, Term
from pdp.values import Datetime, Decimal, Duration, EntityRef
from tests.differential import world
from tests.differential.asking import Asker
from tests.differential.conditions import COMMON, Drawer
from tests.differential.facts import Facts, Surveyor
from tests.differential.rules import Author

HELD = (
    *world.REFS["User"][:2],
    world.REFS["Bot"][0],
    world.REFS["Agent"][0],
    *world.REFS["Group"][:3],
    *world.REFS["Folder"][:2],
    *world.REFS["Doc"][:2],
)
"""Who is there: few enough for everything to be tried."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that one engine is made of, and what it is asked."""

    seed: str
    number: int
    policy: Policy
    nodes: tuple[Node, ...]
    approvals: tuple[Approval, ...] | None
    revoked: tuple[EntityRef, ...]
    revoked_sessions: tuple[str, ...]
    request: Request

    @property
    def store(self) -> Store:
        """The entities."""
        return Store.of(self.nodes)

    def engine(self) -> Engine:
        """Return an engine that knows all of it."""
        return Engine(
            self.policy,
            self.store,
            approvals=self.approvals,
            revoked=self.revoked,
            revoked_sessions=self.revoked_sessions,
            compiled=False,
        )


def draw(seed: str, number: int) -> Case:
    """Return a case."""
    rng = random.Random(f"{seed}:{number}")
    now = world.NOW
    checked = rng.random() < 0.3
    author = Author(rng, checked=checked, forbids=rng.choice((0.0, 0.3, 0.6)))
    drawn = [author.rule(f"r{at}") if rng.random() < 0.85 else author.grant() for at in range(rng.randint(1, 4))]
    if rng.random() < 0.3:
        drawn = [narrow(rng), *drawn[: rng.choice((0, 0, 1))]]
    elif rng.random() < 0.6:
        drawn.append(author._broad())
    rules = tuple({rule.id: rule for rule in drawn}.values())
    surveyor = Surveyor(rng, now, odd=rng.choice((0.0, 0.1)))
    nodes = [surveyor.node(ref.type, ref) for ref in HELD]
    nodes = [replace_parents(node) for node in nodes if rng.random() < 0.98]
    asked = ask(rng, nodes, now, rules)
    approvals = near(rng, asked, surveyor.facts().approvals or [])
    return Case(
        seed=seed,
        number=number,
        policy=replace(world.EMPTY, rules=rules, revision=f"{seed}:{number}"),
        nodes=tuple(nodes),
        approvals=None if rng.random() < 0.02 else approvals,
        revoked=(rng.choice(world.REFS["User"][:2]),) if rng.random() < 0.08 else (),
        revoked_sessions=("t2",) if rng.random() < 0.3 else (),
        request=asked,
    )


def narrow(rng: random.Random) -> Rule:
    """Return a rule that nearly everybody is in the scope of, and that little lies between from applying."""
    drawer = Drawer(rng, COMMON, guarded=True)
    clauses = [between(rng, drawer) if rng.random() < 0.6 else drawer.approvals() for _ in range(rng.choice((1, 1, 2)))]
    effect = rng.choice((Effect.PERMIT, Effect.PERMIT, Effect.FORBID))
    return Rule(
        id="narrow",
        effect=effect,
        principals=tuple(Scope(type=kind) for kind in world.PRINCIPALS),
        actions=frozenset(world.ACTIONS),
        resources=tuple(Scope(type=kind) for kind in world.RESOURCES),
        clauses=tuple(Clause(kind=clause_kind(effect, rng), condition=each) for each in clauses),
        standing="why",
        because="so it is",
    )


def clause_kind(effect: Effect, rng: random.Random) -> ClauseKind:
    """Return a kind of clause that a rule may have."""
    return rng.choice((ClauseKind.WHEN, ClauseKind.NEEDS if effect is Effect.PERMIT else ClauseKind.UNLESS))


def between(rng: random.Random, drawer: Drawer) -> Term:
    """Return the condition that a value is one of very few."""
    kind = rng.choice(("Int", "Decimal", "Duration"))
    path = drawer.path(kind)
    low = rng.choice((41, 1000, 7_000_000))
    made = {"Int": int, "Decimal": Decimal, "Duration": Duration}[kind]

    def test(op: CompareOp, number: int) -> Term:
        return Compare(op=op, left=path, right=Constant(value=made(number)))

    width = rng.choice((2, 3))
    rest = [test(CompareOp.NE, low + 1)] if width == 3 else []
    return And(operands=(test(CompareOp.GT, low), *rest, test(CompareOp.LT, low + width)))


def replace_parents(node: Node) -> Node:
    """Return a node that is in nobody who is not there."""
    return Node(node.ref, node.attributes, tuple(step for step in node.parents if step.parent in HELD), node.tags)


def ask(rng: random.Random, nodes: Sequence[Node], now: int, rules: Sequence[Rule]) -> Request:
    """Return a request that makes sense: who asks, and on what, are of the types that the action takes."""
    asker = Asker(rng, Facts(nodes=list(nodes)), now, odd=rng.choice((0.0, 0.05)))
    named = sorted({action for rule in rules for action in rule.actions if action in world.ACTIONS})
    action = rng.choice(named or world.ACTIONS)
    resource = rng.choice((*world.REFS["Doc"][:2], *(world.REFS["Folder"][:2] if action != "ship" else ())))
    principal = rng.choice((*world.REFS["User"][:2], *world.REFS["User"][:2], world.REFS["Bot"][0]))
    session: Any = asker.session()
    if session is not None and "actor" in session and rng.random() < 0.9:
        if rng.random() < 0.6:
            del session["actor"]
        else:
            session["actor"] = world.REFS["Agent"][0]
    return Request(principal, action, resource, asker.context(action), session, world.moment(now))


def near(rng: random.Random, request: Request, found: Sequence[Approval]) -> tuple[Approval, ...]:
    """Return approvals of what is asked, and a few of something else."""
    principal, action, resource, *_ = request
    mine = [replace(each, principal=principal, action=action, resource=resource) for each in found[:3]]
    return tuple(each for each in (*mine, *found[3:5]) if isinstance(each.at, Datetime) and rng.random() < 0.7)
