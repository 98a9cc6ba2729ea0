"""Random rules and policies: few rules or many, and such as share tests, name entities, delegate and oblige."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from pdp import terms
from pdp.model import Effect
from pdp.symbols import CompareOp
from pdp.terms import Clause, ClauseKind, Rule, Scope, Term
from pdp.values import Datetime, Duration, EntityRef, Value
from tests.differential import world
from tests.differential.conditions import BARE, COMMON, SHIPPING, Drawer, equality
from tests.differential.wild import wild_term

GROUPS = world.REFS["Group"]
REMEDIES = (None, "mend it", "sign in again", "ask your lead")
# One attribute that many rules of a policy test for equality, with the values that they test it for.
PIVOTS: tuple[tuple[str, str, str, tuple[Value, ...]], ...] = (
    ("String", "resource", "code", world.CODES),
    ("String", "resource", "code", world.CODES[:4]),
    ("String", "principal", "name", world.TEXTS),
    ("Int", "principal", "level", world.INTS),
    ("Int", "resource", "rank", world.INTS),
    ("Int", "context", "size", world.INTS),
    ("Kind", "resource", "kind", world.KINDS),
    ("Mode", "context", "mode", world.MODES),
    ("User", "resource", "owner", world.REFS["User"]),
    ("Group", "principal", "team", GROUPS),
    ("Int", "resource", "score", world.INTS),
    ("String", "context", "ticket", world.TEXTS),
)


@dataclass(slots=True)
class Author:
    """Writes the rules of one policy. `checked` rules hold up before the checker; `wild` ones need not make sense."""

    rng: random.Random
    checked: bool = False
    wild: bool = False
    pivot: tuple[str, Term, tuple[Value, ...]] | None = None
    forbids: float = 0.3
    pinned: tuple[tuple[EntityRef, ...], tuple[EntityRef, ...]] = ((), ())

    def policy(self, count: int) -> tuple[Rule, ...]:
        """Return so many rules, in no order."""
        if count > 6 or self.rng.random() < 0.15:
            kind, root, name, values = self.rng.choice(PIVOTS)
            if not (self.checked and name in ("score", "ticket")):
                base = terms.Root(name=terms.RootName(root))
                self.pivot = kind, terms.Attribute(base=base, name=name), values
        grants = self.rng.choice((0, 0, 0.1, 0.5, 0.95))
        if count > 12:
            # Among many rules few forbids are enough to deny nearly everything.
            self.forbids = self.rng.choice((0.0, 0.05, 0.15))
        found: dict[str, Rule] = {}
        if self.rng.random() < 0.75:
            found["broad"] = self._broad()
        for number in range(count):
            rule = self.grant() if self.rng.random() < grants else self.rule(f"r{number}")
            found.setdefault(rule.id, rule)
        rules = list(found.values())
        self.rng.shuffle(rules)
        return tuple(rules)

    def rule(self, name: str) -> Rule:
        """Return a rule."""
        if self.rng.random() < 0.02:
            return self._ping(name)
        actions = frozenset(
            self.rng.choice((("read",), ("read",), ("write",), ("read", "write"), ("ship",), world.ACTIONS))
        )
        drawer = Drawer(self.rng, SHIPPING if actions == {"ship"} else COMMON, guarded=self.checked)
        drawer.timed = self.rng.choice((0.05, 0.15, 0.4))
        if self.rng.random() < self.forbids:
            return self._forbid(name, actions, drawer)
        return self._permit(name, actions, drawer)

    def _broad(self) -> Rule:
        """Return a permit that nearly everybody is in the scope of: else most questions would end at the default."""
        drawer = Drawer(self.rng, COMMON, guarded=self.checked)
        clauses = []
        if self.rng.random() < 0.4:
            condition = terms.Or(operands=(drawer.atom(0), drawer.atom(0), drawer.atom(0)))
            clauses.append(Clause(kind=ClauseKind.WHEN, condition=condition))
        rule = Rule(
            id="broad",
            effect=Effect.PERMIT,
            principals=tuple(Scope(type=kind) for kind in world.PRINCIPALS),
            actions=frozenset(world.ACTIONS),
            resources=tuple(Scope(type=kind) for kind in world.RESOURCES),
            via=(Scope(type="Agent"),) if self.rng.random() < 0.2 else None,
            clauses=tuple(clauses),
            standing="why",
        )
        return self._obliged(rule, drawer, 0.1)

    def _ping(self, name: str) -> Rule:
        drawer = Drawer(self.rng, BARE, guarded=self.checked)
        clauses = (Clause(kind=ClauseKind.WHEN, condition=drawer.condition()),)
        return Rule(
            id=name,
            effect=Effect.PERMIT,
            principals=(Scope(type="Robot"),),
            actions=frozenset({"ping"}),
            resources=(Scope(type="Site"),),
            clauses=clauses,
            standing="why",
        )

    def _permit(self, name: str, actions: frozenset[str], drawer: Drawer) -> Rule:
        clauses = self._whens(drawer)
        for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
            clauses.append(self._clause(ClauseKind.NEEDS, drawer))
        if self.wild and self.rng.random() < 0.04:
            clauses.append(self._clause(ClauseKind.UNLESS, drawer))
        rule = Rule(
            id=name,
            effect=Effect.PERMIT,
            principals=self._scopes(world.PRINCIPALS, "Group", 0.35),
            actions=actions,
            resources=self._scopes(_on(actions), "Folder", 0.35),
            via=self._via() if self.rng.random() < 0.13 else None,
            clauses=tuple(clauses),
            recheck=Duration(self.rng.randint(1, 6) * world.STEP) if self.rng.random() < 0.06 else None,
            standing="why",
        )
        if self.rng.random() < 0.12:
            return replace(self._until(rule), standing=None)
        return self._obliged(rule, drawer, 0.12)

    def _until(self, rule: Rule) -> Rule:
        bound = terms.Addend(term=terms.Constant(value=Datetime(world.NOW + self.rng.randint(-2, 12) * world.STEP)))
        test = terms.TimeTest(op=CompareOp.LT, bound=(bound,))
        return replace(rule, clauses=(*rule.clauses, Clause(kind=ClauseKind.UNTIL, condition=test)))

    def _forbid(self, name: str, actions: frozenset[str], drawer: Drawer) -> Rule:
        clauses = self._whens(drawer, least=1)
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3))):
            clauses.append(self._clause(ClauseKind.UNLESS, drawer))
        if self.wild and self.rng.random() < 0.04:
            clauses.append(self._clause(ClauseKind.NEEDS, drawer))
        principals = self._scopes(world.PRINCIPALS, "Group", 0.45)
        if self.rng.random() < 0.2:
            principals = self.rng.choice(((Scope(type="Agent"),), (Scope(within=(EntityRef("Agent", "a1"),)),)))
        rule = Rule(
            id=name,
            effect=Effect.FORBID,
            principals=principals,
            actions=actions,
            resources=self._scopes(_on(actions), "Folder", 0.4),
            clauses=tuple(clauses),
            because="it is forbidden",
        )
        return self._obliged(rule, drawer, 0.1)

    def grant(self) -> Rule:
        """Return a role given to somebody on something."""
        role = world.WORLD.roles[self.rng.choice(("reader", "editor"))]
        kind = self.rng.choice(("Folder", "Folder", "Doc"))
        principal = self.rng.choice((*GROUPS, *world.REFS["User"], *world.REFS["Bot"], *self.pinned[0]))
        resource = self.rng.choice((*world.REFS[kind], *self.pinned[1]))
        kind = resource.type
        types = ("Doc", "Folder") if kind == "Folder" else ("Doc",)
        start = Datetime(world.NOW + self.rng.randint(-12, 6) * world.STEP) if self.rng.random() < 0.2 else None
        rule = Rule(
            id=f"grant {role.name} on {resource} to {principal}" + ("" if start is None else f" from {start}"),
            effect=Effect.PERMIT,
            principals=(Scope(within=(principal,)),),
            actions=role.actions,
            resources=tuple(Scope(type=each, within=(resource,)) for each in types),
            role=role.name,
            standing="why",
        )
        if start is not None:
            bound = (terms.Addend(term=terms.Constant(value=start)),)
            test = terms.TimeTest(op=CompareOp.GE, bound=bound)
            rule = replace(rule, clauses=(Clause(kind=ClauseKind.FROM, condition=test),), standing=None)
        if start is not None or self.rng.random() < 0.3:
            micros = (world.NOW if start is None else start.micros) + self.rng.randint(1, 12) * world.STEP
            test = terms.TimeTest(op=CompareOp.LT, bound=(terms.Addend(term=terms.Constant(value=Datetime(micros))),))
            clauses = (*rule.clauses, Clause(kind=ClauseKind.UNTIL, condition=test))
            rule = replace(rule, clauses=clauses, standing=None)
        return rule

    # --------------------------------------------------------------------------------------------------- clauses

    def _whens(self, drawer: Drawer, least: int = 0) -> list[Clause]:
        clauses = []
        if self.pivot is not None and self.rng.random() < 0.85:
            clauses.append(Clause(kind=ClauseKind.WHEN, condition=self._pivoted(drawer)))
            least = 0
        for _ in range(max(least, self.rng.choice((0, 1, 1)))):
            clauses.append(Clause(kind=ClauseKind.WHEN, condition=self._condition(drawer)))
        return clauses

    def _pivoted(self, drawer: Drawer) -> Term:
        """Return the shared equality: mostly plain, at times under `and`, `or` or `not`."""
        assert self.pivot is not None
        kind, path, values = self.pivot
        test, draw = equality(kind, path, self.rng, values), self.rng.random()
        if draw < 0.12:
            other = equality(kind, path, self.rng, values) if draw < 0.06 else drawer.atom(0)
            return terms.Or(operands=(test, other) if self.rng.random() < 0.5 else (other, test))
        if draw < 0.16:
            return terms.Not(operand=test)
        if draw < 0.22:
            return terms.And(operands=(test, self._condition(drawer)))
        if draw < 0.25:
            return terms.Not(operand=terms.Or(operands=(terms.Not(operand=test), drawer.atom(0))))
        if draw < 0.28:
            return terms.If(test=test, then=drawer.atom(0), otherwise=drawer.atom(0))
        return test

    def _clause(self, kind: ClauseKind, drawer: Drawer) -> Clause:
        remedy = self.rng.choice(REMEDIES)
        if self.rng.random() < 0.22:
            if self.checked:
                remedy = None
            approvals = drawer.approvals()
            _, guards = drawer.finish(approvals)
            if guards:
                approvals = replace(approvals, of=None)
            return Clause(kind=kind, condition=approvals, remedy=remedy)
        return Clause(kind=kind, condition=self._condition(drawer), remedy=remedy)

    def _condition(self, drawer: Drawer) -> Term:
        if self.wild and self.rng.random() < 0.6:
            return wild_term(drawer, self.rng.choice((1, 2, 3)))
        return drawer.condition(self.rng.choice((0, 1, 1, 2)))

    def _scopes(self, types: tuple[str, ...], parent: str, named: float) -> tuple[Scope, ...]:
        if self.wild and self.rng.random() < 0.02:
            return self.rng.choice(((), (Scope(type="Nothing"),), (Scope(within=()),)))
        scopes = []
        for kind in self.rng.choice((types, types[:1], types[-1:])):
            within = None
            if self.rng.random() < named:
                within = tuple(self.rng.sample(world.REFS[parent], self.rng.choice((1, 1, 2))))
                if self.rng.random() < 0.1:
                    within = (self.rng.choice(world.REFS[kind]),)
            scopes.append(Scope(type=kind, within=within))
        return (Scope(),) if self.rng.random() < 0.08 and not self.checked else tuple(scopes)

    def _via(self) -> tuple[Scope, ...]:
        return self.rng.choice(
            (
                (Scope(type="Agent"),),
                (Scope(type="Agent", within=(GROUPS[0],)),),
                (Scope(within=(world.REFS["Agent"][0],)),),
            )
        )

    def _obliged(self, rule: Rule, drawer: Drawer, share: float) -> Rule:
        if self.rng.random() >= share:
            return rule
        duties = []
        for name, kinds in self.rng.sample(OBLIGATIONS, self.rng.choice((1, 1, 2))):
            arguments = []
            for argument, kind in kinds:
                term, guards = drawer.finish(drawer.value(kind))
                if guards:
                    term = terms.Constant(value=self.rng.choice(world.POOLS[kind]))
                arguments.append((argument, term))
            duties.append(terms.ObligationTerm(name=name, arguments=tuple(arguments)))
        return replace(rule, obligations=tuple(duties))


def _on(actions: frozenset[str]) -> tuple[str, ...]:
    return world.RESOURCES[:1] if actions == {"ship"} else world.RESOURCES


OBLIGATIONS = (
    ("log", (("size", "Int"), ("secret", "Bool"))),
    ("tell", (("who", "String"),)),
    ("keep", (("days", "Int"),)),
)
