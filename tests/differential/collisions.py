"""Pairs of requests that are nearly one: what an engine remembers of the first must not answer the second.

Both are asked of one engine that has been asked thousands before, and each has to get what the interpreter says.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pdp
from pdp.engine import Engine, store_of
from pdp.folder import load_sources
from pdp.model import Entity, Request
from pdp.source import Source
from pdp.values import Datetime, EntityRef
from tests.differential.comparing import COMPILES, allows, decide, exactly

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
TEXT = """
context { n?: Int, s?: String, t?: String, b?: Bool, d?: Decimal, ns?: [Int], ss?: [String],
  who?: Person, r?: { a: Int, b?: Bool } }
type Team
type Person in Team { level: Int, name: String }
type Robot in Team { level: Int, name: String }
type Agent
type Page in Book { open: Bool, title: String }
type Leaf in Book { open: Bool, title: String }
type Book
session { actor?: Agent }
action read on Page, Leaf by Person, Robot
action write on Page, Leaf by Person, Robot
obligation echo { n: Int, s: String }
obligation seen { b: Bool }

rule one: permit anyone to read on anything when context has n and context.n == 1 oblige seen { b: true }
rule text: permit anyone to read on anything when context has s and context.s == "1"
  oblige echo { n: 1, s: context.s }
rule yes: permit anyone to read on anything when context has b and context.b
rule pair: permit anyone to read on anything
  when context has s and context has t and context.s == "a" and context.t == "bc"
rule other_pair: permit anyone to write on anything
  when context has s and context has t and context.s == "ab" and context.t == "c"
rule empty: permit anyone to read on anything when context has ns and context.ns is empty
rule set: permit anyone to write on anything when context has ns and context.ns == [1, 2]
rule some: permit anyone to write on anything when context has ss and context.ss containsAll ["a", "b"]
rule whole: permit anyone to write on anything when context has r and context.r == { a: 1, b: true }
rule half: permit anyone to write on anything when context has d and context.d == 1.0
rule people: permit Person to read on Page when context has n and context.n > 5 and principal.level > context.n
rule robots: permit Robot to read on anything when context has n and context.n > 5
rule pages: permit anyone to write on Page when resource.title == "x" needs session.mfa
rule leaves: permit anyone to write on Leaf when resource.title == "x" needs session.methods containsAll ["otp"]
rule named: permit Person "ab" to write on anything standing because "why"
rule team: permit anyone to read on anything
  when principal in Team "t" and context has n needs approval of context.n from Team "t" for 1h
rule shut: forbid anyone to read on anything when context has t and context.t == "" because "it is shut"
rule fence: forbid Person to read on anything when context has who and context.who == principal
  unless context has n else "say a number" because "not of yourself"
rule late: permit anyone to write on anything when now - session.authenticated_at < 15m
"""


def policy(text: str = TEXT) -> pdp.terms.Policy:
    """Return the policy that the pairs are asked of."""
    return load_sources([Source("policy.pdp", text)]).require()[0]


class Text(str):
    """Text of a class of its own, as callers may bring it. It says of itself what is not so."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return "ab"


class Plain(str):
    """Text of a class of its own that does nothing else."""


class Number(int):
    """A number of a class of its own. It equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Ref(EntityRef):
    """A reference of a class of its own."""


# Values that some keys take for one another: of each family two are drawn.
FAMILIES: tuple[tuple[Any, ...], ...] = (
    (1, True, 1.0, "1", Number(1), Plain("1"), b"1", (1,), "1.0", None, Number(2)),
    (0, False, 0.0, "0", "", None, [], {}, -0.0, "false"),
    ("a", "ab", Plain("a"), Text("a"), ["a"], ("a",), "A", "a ", "a\x00", "á", "á"),
    ([1, 2], [2, 1], (1, 2), {1, 2}, [1, 2, 1], [1, True], [1.0, 2], ["1", "2"], [[1, 2]], frozenset({1, 2})),
    (["a", "b"], ["b", "a"], ["ab"], "ab", ["a", "b", "b"], ("b", "a"), {"a": "b"}, [Plain("a"), "b"]),
    (
        {"a": 1, "b": True},
        {"b": True, "a": 1},
        {"a": True, "b": 1},
        {"a": 1},
        {"a": 1, "b": None},
        {"a": 1.0, "b": True},
    ),
    (7, 8, 7.0, Number(7), "7", 2**63 - 1, 2**63, -(2**63) - 1),
    ("1.0", "1.00", 1.0, 1, "1", "1.0000"),
    (
        EntityRef("Person", "ab"),
        EntityRef("Robot", "ab"),
        ("Person", "ab"),
        {"type": "Person", "id": "ab"},
        'Person "ab"',
        Ref("Person", "ab"),
        Entity("Person", "ab"),
    ),
)
NAMES = ("n", "s", "t", "b", "d", "ns", "ss", "who", "r")
IDS = ("a", "ab", "bc", "abc", "c", "1")
SESSIONS: tuple[Any, ...] = (
    None,
    {},
    {"mfa": True},
    {"mfa": 1},
    {"mfa": "true"},
    {"mfa": False},
    {"mfa": True, "methods": ["otp"]},
    {"mfa": True, "methods": ("otp",)},
    {"mfa": True, "methods": ["otp", "otp"]},
    {"mfa": True, "methods": "otp"},
    {"mfa": True, "token_id": "t1"},
    {"mfa": True, "token_id": "t2"},
    {"mfa": True, "authenticated_at": NOW},
    {"mfa": True, "authenticated_at": NOW - datetime.timedelta(minutes=15)},
    {"mfa": True, "actor": EntityRef("Agent", "x")},
    {"mfa": True, "actor": None},
    {"mfa": True, "expires_at": NOW + datetime.timedelta(microseconds=1)},
)


def entities(rng: random.Random) -> list[Entity]:
    """Return people, robots and pages whose ids meet, some of them in a team or a book."""
    team, book = EntityRef("Team", "t"), EntityRef("Book", "b")
    found = []
    for kind in ("Person", "Robot"):
        for id in IDS:
            attributes = {"level": rng.choice((0, 7, 9)), "name": rng.choice(("x", "1"))}
            found.append(Entity(kind, id, attributes, [team] if rng.random() < 0.5 else []))
    for kind in ("Page", "Leaf"):
        for id in IDS:
            attributes = {"open": rng.random() < 0.5, "title": rng.choice(("x", "1"))}
            found.append(Entity(kind, id, attributes, [book] if rng.random() < 0.5 else []))
    return found


@dataclass(slots=True)
class Pairs:
    """Draws pairs."""

    rng: random.Random

    def pair(self) -> tuple[Request, Request]:
        """Return two requests that are nearly one."""
        first = self._request()
        change: Callable[[Request], Request] = self.rng.choice(
            (
                self._value,
                self._value,
                self._value,
                self._lack,
                self._swap,
                self._id,
                self._type,
                self._who,
                self._proof,
                self._time,
            )
        )
        return first, change(first)

    def _request(self) -> Request:
        rng = self.rng
        names = rng.sample(NAMES, rng.choice((0, 1, 1, 2)))
        context = {name: rng.choice(rng.choice(FAMILIES)) for name in names}
        return Request(
            EntityRef(rng.choice(("Person", "Robot")), rng.choice(IDS)),
            rng.choice(("read", "write")),
            EntityRef(rng.choice(("Page", "Leaf")), rng.choice(IDS)),
            context,
            rng.choice(SESSIONS),
            NOW,
        )

    def _value(self, first: Request) -> Request:
        """One value of the context is another that some take for it."""
        name = self.rng.choice(NAMES)
        family = self.rng.choice(FAMILIES)
        one, other = self.rng.choice(family), self.rng.choice(family)
        # The first one of the pair is changed as well: both stand in the same place.
        first.context[name] = one  # type: ignore[index]
        return first._replace(context={**first.context, name: other})

    def _lack(self, first: Request) -> Request:
        name = self.rng.choice(NAMES)
        context = {each: value for each, value in first.context.items() if each != name}
        if self.rng.random() < 0.7:
            context[name] = self.rng.choice((None, "", [], {}, 0, False))
        return first._replace(context=context)

    def _swap(self, first: Request) -> Request:
        one, other = self.rng.choice(((("a", "bc"), ("ab", "c")), (("", "1"), ("1", "")), (("a", "b"), ("b", "a"))))
        first.context.update(s=one[0], t=one[1])  # type: ignore[attr-defined]
        context = {**first.context, "s": other[0], "t": other[1]}
        if self.rng.random() < 0.3:
            context = dict(reversed(first.context.items()))
        return first._replace(context=context)

    def _id(self, first: Request) -> Request:
        principal, resource = EntityRef("Person", "a"), EntityRef("Page", "bc")
        other = first._replace(principal=EntityRef("Person", "ab"), resource=EntityRef("Page", "c"))
        return self.rng.choice((other, first._replace(principal=principal, resource=resource)))

    def _type(self, first: Request) -> Request:
        principal, resource = self._ref(first.principal), self._ref(first.resource)
        other = {"Person": "Robot", "Robot": "Person", "Page": "Leaf", "Leaf": "Page"}
        if self.rng.random() < 0.5:
            return first._replace(principal=EntityRef(other[principal.type], principal.id))
        return first._replace(resource=EntityRef(other[resource.type], resource.id))

    def _who(self, first: Request) -> Request:
        """The same name in another form: what is none is refused, and what is one is that entity."""
        role = self.rng.choice(("principal", "resource"))
        ref = self._ref(getattr(first, role))
        forms: tuple[Any, ...] = (
            tuple(ref),
            list(ref),
            str(ref),
            Entity(ref.type, ref.id),
            Entity(ref.type, ref.id, {"level": 9, "name": "x", "title": "x", "open": True}),
            Ref(ref.type, ref.id),
            EntityRef(Plain(ref.type), Plain(ref.id)),
            EntityRef(ref.type, Text(ref.id)),
            EntityRef(Text(ref.type), ref.id),
            EntityRef(ref.type, b"a"),  # type: ignore[arg-type]
            None,
        )
        if self.rng.random() < 0.2:
            action: Any = self.rng.choice((Plain(first.action), Text(first.action), first.action.upper(), None, 1))
            return first._replace(action=action)
        return first._replace(**{role: self.rng.choice(forms)})

    def _proof(self, first: Request) -> Request:
        return first._replace(session=self.rng.choice(SESSIONS))

    def _time(self, first: Request) -> Request:
        zone = datetime.timezone(datetime.timedelta(hours=1))
        times: tuple[Any, ...] = (
            NOW.astimezone(zone),
            NOW + datetime.timedelta(microseconds=1),
            NOW.replace(tzinfo=None),
            NOW.replace(tzinfo=zone),
            NOW.timestamp(),
            Datetime.of(NOW),
            "2026-11-23T09:00:00Z",
        )
        return first._replace(now=self.rng.choice(times))

    @staticmethod
    def _ref(given: Any) -> EntityRef:
        assert isinstance(given, EntityRef)
        return given


@dataclass(slots=True)
class Duel:
    """The engine that remembers, and the one that is right, about the same world."""

    subject: Engine
    judge: Engine

    @classmethod
    def over(cls, seed: str) -> Duel:
        """Return both, over the same entities."""
        world, rules = entities(random.Random(seed)), policy()
        approvals = [
            pdp.Approval(
                EntityRef("Person", each),
                EntityRef("Person", "a"),
                "read",
                EntityRef("Page", "a"),
                Datetime.of(NOW),
                of,
            )
            for each, of in (("ab", 1), ("bc", True), ("abc", "1"), ("c", None))
        ]

        def engine(compiled: bool) -> Engine:
            options: dict[str, Any] = {"compiled": compiled} if COMPILES else {}
            return Engine(
                rules,
                store_of(world, rules.schema),
                approvals=approvals,
                revoked=[EntityRef("Robot", "c")],
                revoked_sessions=["t2"],
                handles=["echo"],
                **options,
            )

        return cls(engine(True), engine(False))

    def wrong(self, pair: Iterable[Request]) -> Iterator[str]:
        """Yield what is answered otherwise than the interpreter does: by the pair, and by its first one asked again."""
        first, second = pair
        right = [exactly(self.judge.answer(request)) for request in (first, second)]
        for way, request, expected in (
            ("first", first, right[0]),
            ("second", second, right[1]),
            ("first again", first, right[0]),
        ):
            found = decide(self.subject, request)
            if exactly(found) != expected:
                yield f"{way} of {first} and {second}:\n  expected {expected}\n  found {exactly(found)}"
            elif allows(self.subject, request) is not bool(found):
                yield f"{way} of {first} and {second}: `allows` is not {bool(found)}"


def wrong_pairs(seed: str, count: int, remember: Callable[[Engine], Any] | None = None) -> list[str]:
    """Return what is wrong of so many pairs, five at most. `remember` puts something between, which the tests break."""
    duel, pairs, found = Duel.over(seed), Pairs(random.Random(seed)), []
    if remember is not None:
        duel.subject = remember(duel.subject)
    for _ in range(count):
        found += duel.wrong(pairs.pair())
        if len(found) >= 5:
            break
    return found


def outcomes(seed: str, count: int) -> Mapping[str, float]:
    """Return the share of the pairs that are answered differently, and of the first ones that are allowed."""
    duel, pairs, apart, allowed = Duel.over(seed), Pairs(random.Random(seed)), 0, 0
    for _ in range(count):
        first, second = (exactly(duel.judge.answer(request)) for request in pairs.pair())
        apart += first != second
        allowed += first[0] == "allow"
    return {"apart": apart / count, "allowed": allowed / count}
