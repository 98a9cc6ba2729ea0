"""What one decision may cost at the most, whatever entities and requests it meets."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Sequence

import pytest

import pdp
from pdp import evaluation, facts
from pdp.model import Approval, Membership, Node, RevocationKind
from pdp.values import UNKNOWN, Datetime, EntityRef

NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
USER, TOP = EntityRef("User", "ada"), EntityRef("Group", "top")
COUNT = 300


class Graph:
    """Facts that count how often each entity is asked for."""

    def __init__(self, parents: dict[EntityRef, list[Membership]]) -> None:
        self.parents = parents
        self.asked: Counter[EntityRef] = Counter()
        self.approvals: Sequence[Approval] = ()
        self.failure: str | None = None
        self.groups_revoked = False

    def node(self, ref: EntityRef) -> Node:
        self.asked[ref] += 1
        return Node(ref, {}, tuple(self.parents.get(ref, ())))

    def revoked(self, ref: EntityRef, proved: int | None) -> bool:
        return False

    def group_revoked(self, ref: EntityRef, proved: int | None) -> bool:
        return False

    def session_revoked(self, kind: RevocationKind, name: str, proved: int | None) -> bool:
        return False


def group(kind: str, number: int) -> EntityRef:
    return EntityRef("Group", f"{kind}{number}")


def ways_that_last_ever_longer(order: int) -> Graph:
    """Many ways to the foot of a long chain, each of which lasts longer than those before it."""
    chain = [group("chain", number) for number in range(COUNT)]
    ways = [group("way", number) for number in range(COUNT)]
    parents = {here: [Membership(there)] for here, there in zip(chain, [*chain[1:], TOP], strict=True)}
    start = Datetime.of(NOW).micros
    for number, way in enumerate(ways):
        parents[way] = [Membership(chain[0], Datetime(start + 1 + number))]
    parents[USER] = [Membership(way) for way in ways[::order]]
    return Graph(parents)


@pytest.mark.parametrize("order", [1, -1])
def test_each_entity_is_looked_at_once_however_many_ways_lead_to_it(order: int) -> None:
    graph = ways_that_last_ever_longer(order)
    question = evaluation.Question(
        principal=USER, action="read", resource=TOP, context={}, session=None, now=Datetime.of(NOW).micros
    )

    found = evaluation.membership(USER, [TOP], evaluation.Scene(question, graph))

    assert found == (True, question.now + COUNT)
    assert set(graph.asked.values()) == {1}


POLICY = """
type User
type Page
action read on Page by User with { ours: [Int], theirs: [Int], rows: [[Int]] }
rule found:
  permit User to read on Page
  when any x in context.ours: any y in context.theirs: x == y
"""
IN = POLICY.replace("any y in context.theirs: x == y", "x in context.theirs")
ROWS = POLICY.replace("context.ours: any y in context.theirs: x == y", "[1, 2]: any row in context.rows: x in row")


@pytest.mark.parametrize("text", [POLICY, IN], ids=["any_in_any", "in_in_any"])
def test_long_sets_inside_one_another_are_unknown_and_answered_at_once(text: str) -> None:
    engine = pdp.Engine.from_text(text)
    long = {"ours": list(range(100_000)), "theirs": list(range(100_000, 200_000))}
    start = time.perf_counter()

    decision = engine.decide(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), long, now=NOW)

    assert (decision.outcome, decision.erring_rules) == (pdp.Outcome.DENY, ("found",))
    # It takes some tenths of a second; all combinations would take hours.
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("text", [POLICY, IN], ids=["any_in_any", "in_in_any"])
def test_sets_inside_one_another_are_looked_through_up_to_the_bound(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "MAX_COMBINATIONS", 12)
    engine = pdp.Engine.from_text(text)

    def outcome(ours: list[int], theirs: list[int]) -> tuple[str, tuple[str, ...]]:
        context = {"ours": ours, "theirs": theirs}
        decision = engine.decide(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), context, now=NOW)
        return str(decision.outcome), decision.erring_rules

    assert outcome([1, 2, 3], [4, 5, 6, 3]) == ("allow", ())
    assert outcome([1, 2, 3], [4, 5, 6, 7]) == ("deny", ())
    assert outcome([1, 2, 3], [4, 5, 6, 7, 3]) == ("deny", ("found",))
    assert outcome([1, 2, 3, 4], [5, 6, 7, 4]) == ("deny", ("found",))
    assert outcome([], [1, 2, 3]) == ("deny", ())


def test_one_element_decides_though_another_has_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "MAX_COMBINATIONS", 12)
    engine = pdp.Engine.from_text(ROWS)

    def allows(rows: list[list[int]]) -> bool:
        return engine.allows(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), {"rows": rows}, now=NOW)

    # Two by three rows leave two elements for each row.
    assert [allows(rows) for rows in ([[7, 8, 9], [1], [5]], [[5], [1], [7, 8, 9]])] == [True, True]
    assert [allows(rows) for rows in ([[7, 8, 1], [6], [5]], [[5], [6], [7, 8, 1]])] == [False, False]


def test_unknown_is_what_the_bound_gives() -> None:
    scene_of_many = evaluation.Scene(
        evaluation.Question(principal=USER, action="read", resource=TOP, context={}, session=None, now=0),
        Graph({}),
        breadth=evaluation.MAX_COMBINATIONS,
    )

    assert evaluation._in(1, evaluation.ValueSet([1]), scene_of_many) is True
    assert evaluation._in(1, evaluation.ValueSet([1, 2]), scene_of_many) is UNKNOWN


PLACES = """
type Group in Group
type User in Group
type Folder in Folder
type Page in Folder
action read on Page by User
rule staff_reads:
  permit User in Group "staff" to read on Page
rule nobody_reads_what_is_old:
  forbid User to read on Page
  when resource in Folder "old"
  because "it is wrong by now"
"""


class Endless:
    """A source that puts each entity of a type into a new one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.asked = 0

    def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
        self.asked += 1
        parents = [pdp.ref(self.kind, f"{self.kind} {self.asked}")]
        in_kind = ref.type == self.kind or (ref.type, self.kind) in (("User", "Group"), ("Page", "Folder"))
        return pdp.Entity(
            ref.type, ref.id, {}, parents if in_kind else [pdp.ref("Group", "staff")][: ref.type == "User"]
        )


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("kind", ["Group", "Folder"])
def test_a_source_that_makes_up_parents_without_end_is_a_deny(
    kind: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MAX_ASKED", 1000)
    source = Endless(kind)
    engine = pdp.Engine.from_text(PLACES, providers=[source], compiled=compiled)
    ada, home = pdp.ref("User", "ada"), pdp.ref("Page", "home")

    decision = engine.decide(ada, "read", home, now=NOW)
    allowed = engine.allows(ada, "read", home, now=NOW)

    assert (decision.outcome, decision.reason, decision.detail) == (
        pdp.Outcome.DENY,
        pdp.Reason.INTERNAL_ERROR,
        "the decision failed: EndlessSourceError",
    )
    assert not allowed
    assert source.asked < 10_000
