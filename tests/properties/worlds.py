"""Random policies, facts and requests over one small world: well-typed rules, and data that is anything but.

A policy is drawn as a structure, so that it can be written down in any order of operands, clauses, rules and files.
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

import pdp
from pdp.checker import check
from pdp.conform import conform_entity
from pdp.entities import Store
from pdp.folder import load_sources
from pdp.source import Source
from pdp.syntax import parse
from pdp.terms import Policy
from pdp.values import Datetime

SCHEMA = """
context { ip: Ip, size: Int, ticket?: String, since?: Datetime }
type Group in Group
type User in Group { level: Int, active: Bool, ends?: Datetime, tags: [String] }
type Agent in Group { trusted: Bool }
type Folder in Folder { open: Bool }
type Doc in Folder { owner: User, secret: Bool, opened: Datetime, score?: Int, kind: Kind }
enum Kind { note, plan, bill }
session { actor?: Agent }
action read, write on Doc by User
obligation log { size: Int, secret: Bool }
role reader on Doc: read
role editor on Doc: reader, write
"""

SCHEMA_FILE, _ = parse(Source("a.pdp", SCHEMA))

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)

# Each atom is a condition in which nothing has to be guarded.
TIMELESS = [
    "principal.active",
    "resource.secret",
    "principal.level > 3",
    "principal.level + context.size > 9223372036854775800",
    "resource.kind == note",
    "resource.kind in [plan, bill]",
    "resource.owner == principal",
    "resource.owner.active",
    'resource.owner in Group "a"',
    'principal in Group "b"',
    'resource in Folder "top"',
    "context.ip in 10.0.0.0/8",
    "context has ticket",
    "resource has score",
    '(context has ticket and context.ticket like "INC-*")',
    "(resource has score and resource.score > 5)",
    '"x" in principal.tags',
    'any t in principal.tags: t like "x*"',
    "principal.tags is empty",
    "session.mfa",
    "if resource.secret then principal.level > 5 else principal.active",
]
TIMED = [
    "now - session.authenticated_at < 15m",
    "now < resource.opened + 1h",
    "resource.opened <= now",
    "resource.opened < now",
    "now <= resource.opened + 30m",
    "(principal has ends and now < principal.ends)",
    "(context has since and now - context.since > 5m)",
    "now.hour < 12",
    'now["Europe/Berlin"].weekday in [mon, tue]',
    "now.minute >= 30",
]
PRINCIPALS = [
    "anyone",
    "User",
    "anyone",
    "User",
    "User",
    'Group "a"',
    'Group "a"',
    'User in Group "b"',
    'User in [Group "a", Group "c"]',
    'User "u1"',
]
RESOURCES = ["anything", "Doc", "anything", "Doc", "Doc", 'Folder "top"', 'Doc in Folder "sub"', 'Doc "d1"']


@dataclass(frozen=True)
class Condition:
    """A condition as a tree of `and`, `or`, `not` over atoms; the operands may stand in any order."""

    op: str
    operands: tuple[Condition, ...] = ()
    atom: str = ""

    def write(self, order: random.Random | None) -> str:
        if self.op == "atom":
            return f"({self.atom})"
        parts = [operand.write(order) for operand in self.operands]
        if self.op == "not":
            return f"(not {parts[0]})"
        if order is not None:
            order.shuffle(parts)
        return "(" + f" {self.op} ".join(parts) + ")"


@dataclass(frozen=True)
class Clause:
    kind: str
    condition: Condition | None = None
    text: str = ""

    def write(self, order: random.Random | None) -> str:
        if self.condition is None:
            return self.text
        return f"{self.kind} {self.condition.write(order)}{self.text}"


@dataclass(frozen=True)
class Rule:
    name: str
    effect: str
    principals: str
    actions: str
    resources: str
    clauses: tuple[Clause, ...]

    def write(self, order: random.Random | None) -> str:
        lines = [clause.write(order) for clause in self.clauses]
        if order is not None:
            order.shuffle(lines)
        head = f"rule {self.name}:\n  {self.effect} {self.principals} to {self.actions} on {self.resources}"
        return "\n  ".join([head, *lines]) + "\n"


@dataclass(frozen=True)
class Question:
    """A request, and all that is known when it is asked."""

    action: str
    context: dict[str, Any]
    session: dict[str, Any] | None
    entities: tuple[pdp.Entity, ...]
    approvals: tuple[pdp.Approval, ...]
    now: datetime.datetime = NOW

    def engine(self, policy: Policy, order: random.Random | None = None) -> pdp.Engine:
        entities = list(self.entities)
        if order is not None:
            order.shuffle(entities)
        nodes = [conform_entity(entity, policy.schema) for entity in entities]
        # These are properties of the interpreter; compiled rules are held against it elsewhere.
        return pdp.Engine(policy, Store.of(nodes), approvals=self.approvals, handles=["log"], compiled=False)

    def ask(self, policy: Policy, order: random.Random | None = None) -> pdp.Decision:
        return self.put(self.engine(policy, order))

    def put(self, engine: pdp.Engine, now: datetime.datetime | None = None) -> pdp.Decision:
        """Ask an engine that holds the facts already."""
        user, doc = pdp.ref("User", "u1"), pdp.ref("Doc", "d1")
        return engine.decide(user, self.action, doc, self.context, self.session, now or self.now)

    def with_context(self, **changed: Any) -> Question:
        return replace(self, context={**self.context, **changed})


def compile_text(rules: tuple[Rule, ...], order: random.Random | None = None, grants: tuple[str, ...] = ()) -> Policy:
    """Write rules down, check them, and return the policy; with an order, shuffled over two files."""
    pieces = [rule.write(order) for rule in rules] + [grant + "\n" for grant in grants]
    if order is None:
        # The schema is the same each time: it is parsed once.
        file, wrong = parse(Source("b.pdp", "".join(pieces)))
        policy, told = check([SCHEMA_FILE, file])
        assert policy is not None and wrong == [], [*wrong, *told]
        return policy
    order.shuffle(pieces)
    half = order.randrange(len(pieces) + 1)
    sources = [Source("b.pdp", "".join(pieces[:half])), Source("a.pdp", SCHEMA + "".join(pieces[half:]))]
    policy, _ = load_sources(sources).require()
    return policy


# ------------------------------------------------------------------------------------------------------- strategies

atoms = st.sampled_from(TIMELESS + TIMED).map(lambda atom: Condition("atom", atom=atom))
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda one: Condition("not", (one,))),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda drawn: Condition(drawn[0], tuple(drawn[1]))
        ),
    ),
    max_leaves=3,
)
whens = conditions.map(lambda condition: Clause("when", condition))
needs = conditions.map(lambda condition: Clause("needs", condition, ' else "mend it"'))
unlesses = conditions.map(lambda condition: Clause("unless", condition, ' else "lift it"'))

permits = st.tuples(
    st.sampled_from(PRINCIPALS),
    st.sampled_from(["read", "write", "any", "any", "read, write"]),
    st.sampled_from(RESOURCES),
    st.lists(st.one_of(whens, needs), max_size=2),
    st.booleans(),
    st.lists(
        st.sampled_from(
            [
                Clause("needs", None, 'needs 2 approvals from Group "c" for 1h'),
                Clause("needs", None, "needs approval of context.size from User for 30m"),
                Clause("oblige", None, "oblige log { size: context.size, secret: resource.secret }"),
                Clause("recheck", None, "recheck every 5m"),
                Clause("via", None, "via Agent"),
            ]
        ),
        max_size=1,
    ),
).map(
    lambda drawn: Rule(
        "",
        "permit",
        drawn[0],
        drawn[1],
        drawn[2],
        (
            *drawn[3],
            *drawn[5],
            Clause("until", None, "until 2026-11-23T09:20:00Z")
            if drawn[4]
            else Clause("s", None, 'standing because "x"'),
        ),
    )
)
forbids = st.tuples(
    st.sampled_from([*PRINCIPALS, "Agent", 'Agent "bot"']),
    st.sampled_from(["read", "write", "any"]),
    st.sampled_from(RESOURCES),
    st.lists(whens, max_size=2),
    st.lists(unlesses, max_size=2),
    st.lists(
        st.sampled_from(
            [
                Clause("unless", None, 'unless approval from Group "a" for 2h'),
                Clause("oblige", None, "oblige log { size: context.size, secret: resource.secret }"),
            ]
        ),
        max_size=1,
    ),
).map(
    lambda drawn: Rule(
        "",
        "forbid",
        drawn[0],
        drawn[1],
        drawn[2],
        (*drawn[3], *drawn[4], *drawn[5], Clause("b", None, 'because "it is forbidden"')),
    )
)


def _numbered(drawn: list[Rule]) -> tuple[Rule, ...]:
    return tuple(replace(rule, name=f"r{index}") for index, rule in enumerate(drawn))


rule_sets = st.lists(st.one_of(permits, permits, permits, forbids), min_size=1, max_size=6).map(_numbered)

# Everything is permitted, and only the forbids stand in the way.
OPEN = Rule("", "permit", "anyone", "any", "anything", ())
fences = st.lists(forbids, min_size=1, max_size=3).map(lambda drawn: _numbered([OPEN, *drawn]))

# Every instant of a world is a multiple of five minutes away, and so is every edge: all of them can be looked at.
STEP = datetime.timedelta(minutes=5)
minutes = st.integers(-18, 18).map(lambda count: NOW + count * STEP)
WILD = st.sampled_from([None, 1.5, True, "10.0.0.300", -1, [], {}, "x" * 10, float("nan")])


def _maybe(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


contexts = _maybe(
    {},
    {
        "ip": st.one_of(st.sampled_from(["10.1.2.3", "192.0.2.7", "::1"]), WILD),
        "size": st.one_of(st.sampled_from([0, 1, 2**63 - 1, -(2**63)]), WILD),
        "ticket": st.one_of(st.sampled_from(["INC-1", "no"]), WILD),
        "since": st.one_of(minutes, WILD),
    },
)
sessions = st.one_of(
    st.none(),
    st.just({"mfa": True, "methods": ["otp"], "authenticated_at": NOW - datetime.timedelta(minutes=5)}),
    _maybe(
        {},
        {
            "mfa": st.one_of(st.booleans(), WILD),
            "methods": st.just(["otp"]),
            "authenticated_at": minutes.map(lambda at: min(at, NOW)),
            "expires_at": minutes.map(lambda at: max(at, NOW + datetime.timedelta(minutes=1))),
            "actor": st.just(pdp.ref("Agent", "bot")),
            "bound": st.booleans(),
        },
    ),
)


@st.composite
def memberships(draw: st.DrawFn, kind: str, names: list[str]) -> list[pdp.Membership]:
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=draw(st.sampled_from([0, 1, 1])), max_size=2))
    ends = st.one_of(st.none(), st.none(), minutes.map(Datetime.of))
    return [pdp.Membership(pdp.ref(kind, name), draw(ends)) for name in chosen]


@st.composite
def facts(draw: st.DrawFn) -> tuple[pdp.Entity, ...]:
    users = [
        pdp.Entity(
            "User",
            name,
            {
                "level": draw(st.sampled_from([0, 4, 2**63 - 1])),
                "active": draw(st.booleans()),
                "tags": draw(st.sampled_from([[], ["x"], ["xy", "z"]])),
                **({"ends": draw(minutes)} if draw(st.booleans()) else {}),
            },
            draw(memberships("Group", ["a", "b", "c"])),
        )
        for name in ("u1", "u2", "u3")
    ]
    groups = [pdp.Entity("Group", name, {}, draw(memberships("Group", ["c"])) if name != "c" else []) for name in "abc"]
    folders = [
        pdp.Entity("Folder", "top", {"open": True}),
        pdp.Entity("Folder", "sub", {"open": draw(st.booleans())}, draw(memberships("Folder", ["top"]))),
    ]
    doc = pdp.Entity(
        "Doc",
        "d1",
        {
            "owner": pdp.ref("User", draw(st.sampled_from(["u1", "u2", "gone"]))),
            "secret": draw(st.booleans()),
            "opened": draw(minutes),
            "kind": draw(st.sampled_from(["note", "plan", "bill"])),
            **({"score": draw(st.integers(0, 9))} if draw(st.booleans()) else {}),
        },
        draw(memberships("Folder", ["top", "sub"])),
    )
    return (*users, *groups, *folders, doc, pdp.Entity("Agent", "bot", {"trusted": True}, []))


@st.composite
def records(draw: st.DrawFn) -> tuple[pdp.Approval, ...]:
    return tuple(
        pdp.Approval(
            pdp.ref("User", draw(st.sampled_from(["u1", "u2", "u3"]))),
            pdp.ref("User", "u1"),
            draw(st.sampled_from(["read", "write"])),
            pdp.ref("Doc", "d1"),
            Datetime.of(draw(minutes)),
            draw(st.sampled_from([None, None, 1, True])),
            draw(st.none() | st.builds(Datetime.of, minutes)),
            draw(st.sampled_from([None, None, pdp.ref("User", "u2")])),
            draw(st.sampled_from([None, None, None, pdp.ref("Agent", "bot")])),
        )
        for _ in range(draw(st.integers(0, 4)))
    )


questions = st.builds(
    Question,
    action=st.sampled_from(["read", "write"]),
    context=contexts,
    session=sessions,
    entities=facts(),
    approvals=records(),
)
GRANTS = (
    'grant reader on Folder "top" to Group "a" until 2026-11-23T09:10:00Z',
    'grant editor on Doc "d1" to User "u1" from 2026-11-23T09:05:00Z until 2026-11-23T09:40:00Z',
    'grant reader on Doc "d1" to Group "b" standing because "they wrote it"',
)
grants = st.lists(st.sampled_from(GRANTS), unique=True, max_size=2).map(tuple)
