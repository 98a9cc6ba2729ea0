"""A search comes to an end in bounded time, whatever a request brings; that it gave up is told."""

from __future__ import annotations

from pdp.engine import Engine
from pdp.flips.answer import find
from pdp.model import Entity, Request
from pdp.values import ref

SETS = """\
type User
type Doc
action read on Doc by User with { xs: [Int], ys: [Int], zs: [Int] }
rule sets:
  permit User to read on Doc
  when any x in context.xs: all y in context.ys: any z in context.zs: x + y == z * 7
"""


def searched(length: int, budget: int):
    engine = Engine.from_text(SETS, entities=[Entity("User", "ada"), Entity("Doc", "plan")])
    numbers = list(range(length))
    context = {"xs": numbers, "ys": numbers, "zs": numbers}
    _, judgement, question, facts = engine.judged(Request(ref("User", "ada"), "read", ref("Doc", "plan"), context))
    assert judgement is not None and question is not None and facts is not None
    return find(engine.policy, question, facts, judgement, budget=budget)


def test_sets_inside_sets_count_by_what_was_gone_through():
    found = searched(20, 800)

    assert found.smallest is None
    assert not found.complete
    assert found.reason == "more than 800 things would have to be looked at"


def test_short_sets_inside_sets_are_searched_in_the_same_budget():
    found = searched(3, 800)

    assert found.smallest is not None
    assert found.complete
