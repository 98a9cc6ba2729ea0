"""Writes a request and its world as a `test` block, in the words of one file of the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pdp import patterns as re
from pdp import terms
from pdp.checker.names import Kind, Names
from pdp.model import Approval, Node
from pdp.source import Source
from pdp.syntax.printer import reformat
from pdp.syntax.words import NOT_DECLARED
from pdp.testing.mutation.worlds import World
from pdp.types import WEEKDAY
from pdp.values import (
    DAY,
    Datetime,
    EntityRef,
    EnumMember,
    Record,
    Unknown,
    Value,
    ValueSet,
    quote,
    show,
)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Unspeakable(Exception):
    """There is no word for something in a file."""


class Writer:
    """Writes tests in the words that a file has for types, actions, roles and members of enums."""

    def __init__(self, names: Names) -> None:
        self._words = {
            kind: {symbol.name: word for word, symbol in reversed(table.items())}
            for kind, table in names.tables.items()
        }
        self._names = names

    def test(self, name: str, worlds: Sequence[tuple[World, terms.Expectation]], note: str = "") -> str:
        """Return a test of requests in one world, in the canonical layout; raise Unspeakable where there is none."""
        first = worlds[0][0]
        lines = [f"test {quote(name)}:", *self._given(first)]
        now = terms.TEST_START
        for world, expected in worlds:
            if world.now != now:
                now = world.now
                lines.append(f"  at {instant(now)}")
            lines.append(f"  {self._expect(world, expected)}")
        text = "\n".join([*([f"# {note}"] if note else []), *lines]) + "\n"
        found, wrong = reformat(Source("test.pdp", text))
        if found is None:
            raise Unspeakable(wrong[0].message)
        return found

    # ------------------------------------------------------------------------------------------------------- given

    def _given(self, world: World) -> Iterator[str]:
        facts = [
            *(self._entity(node) for node in world.nodes.values()),
            *(self._grant(grant) for grant in world.grants),
            *(self._approval(approval) for approval in world.approvals),
        ]
        if facts:
            yield "  given " + "\n        ".join(facts)

    def _entity(self, node: Node) -> str:
        parents = [
            f"{self.entity(step.parent)}{'' if step.until is None else f' until {instant(step.until)}'}"
            for step in node.parents
        ]
        inside = f" in {', '.join(parents)}" if parents else ""
        known = {name: value for name, value in node.attributes.items() if not isinstance(value, Unknown)}
        return f"{self.entity(node.ref)}{inside}{f' {self._fields(known)}' if known else ''}"

    def _grant(self, grant: terms.Rule) -> str:
        principal = next(ref for scope in grant.principals for ref in scope.within or ())
        resource = next(ref for scope in grant.resources for ref in scope.within or ())
        role = self._word(Kind.ACTION, grant.role or "")
        ends = {clause.kind: clause for clause in grant.clauses}
        times = [f"{kind} {instant(_bound(ends[kind]))}" for kind in ("from", "until") if kind in ends]  # type: ignore[index]
        if "until" not in ends:
            times.append(f"standing because {quote(grant.standing or 'a test')}")
        return f"grant {role} on {self.entity(resource)} to {self.entity(principal)} {' '.join(times)}"

    def _approval(self, approval: Approval) -> str:
        of = "" if approval.of is None else f" with {self.value(approval.of)}"
        asked = f"{self.entity(approval.principal)} to {self._word(Kind.ACTION, approval.action)}"
        whole = f"approval by {self.entity(approval.approver)} of {asked} on {self.entity(approval.resource)}"
        return f"{whole}{of} at {instant(approval.at)}"

    # ------------------------------------------------------------------------------------------------------ expect

    def _expect(self, world: World, expected: terms.Expectation) -> str:
        asked = f"{self.entity(world.principal)} to {self._word(Kind.ACTION, world.action)}"
        parts = [f"expect {'allow' if expected.allow else 'deny'} {asked} on {self.entity(world.resource)}"]
        if world.context:
            parts.append(f"with {self._fields(world.context)}")
        if world.session is not None:
            parts.append(f"as {self._fields(world.session)}")
        parts += self._endings(expected)
        return " ".join(parts)

    def _endings(self, expected: terms.Expectation) -> Iterator[str]:
        if expected.rules is not None:
            words = [self._rule(name) for name in sorted(expected.rules)]
            yield f"by {', '.join(words) or 'default'}"
        if expected.erring is not None:
            words = [self._word(Kind.RULE, name) for name in sorted(expected.erring)]
            yield f"errs {', '.join(words) or 'nothing'}"
        if expected.needs is not None:
            yield f"needs {', '.join(map(quote, expected.needs)) or 'nothing'}"
        if expected.obligations is not None:
            words = [self._word(Kind.OBLIGATION, name) for name in sorted(expected.obligations)]
            yield f"oblige {', '.join(words) or 'nothing'}"
        if expected.until is not None:
            yield f"until {instant(expected.until)}"
        if expected.standing:
            yield "standing"

    def _rule(self, name: str) -> str:
        # A grant goes by its role.
        known = self._words[Kind.RULE]
        return known[name] if name in known else self._word(Kind.ACTION, name)

    # ------------------------------------------------------------------------------------------------------ values

    def entity(self, ref: EntityRef) -> str:
        """Write an entity's name."""
        return f"{self._word(Kind.TYPE, ref.type)} {quote(ref.id)}"

    def value(self, value: Value) -> str:
        """Write a value."""
        match value:
            case EnumMember():
                return self._member(value)
            case EntityRef():
                return self.entity(value)
            case Datetime():
                return instant(value)
            case Record():
                return self._fields(value)
            case ValueSet():
                return f"[{', '.join(sorted(map(self.value, value)))}]"
            case _:
                return show(value)

    def _fields(self, fields: Mapping[str, Value]) -> str:
        inner = [f"{key(name)}: {self.value(value)}" for name, value in fields.items()]
        return f"{{ {', '.join(inner)} }}" if inner else "{}"

    def _member(self, value: EnumMember) -> str:
        plain = len(self._names.members(value.name)) == 1 and value.name not in self._names.tables[Kind.DEFINE]
        if (plain and value.name not in NOT_DECLARED) or value.enum == WEEKDAY.name:
            return value.name
        return f"{self._word(Kind.TYPE, value.enum)}.{value.name}"

    def _word(self, kind: Kind, name: str) -> str:
        if name not in self._words[kind]:
            raise Unspeakable(f"nothing here is called `{name}`")
        return self._words[kind][name]


def key(name: str) -> str:
    """Write the name of an attribute."""
    return name if _WORD.fullmatch(name) else quote(name)


def instant(at: Datetime) -> str:
    """Write an instant; midnight as the date.

    >>> instant(Datetime.parse("2026-11-23T00:00:00Z"))
    '2026-11-23'
    """
    return str(at)[: len("2026-11-23")] if at.micros % DAY == 0 else str(at)


def _bound(clause: terms.Clause) -> Datetime:
    match clause.condition:
        case terms.TimeTest(bound=(terms.Addend(term=terms.Constant(value=Datetime() as at)),)):
            return at
        case _:
            raise Unspeakable("a grant that ends at no instant")
