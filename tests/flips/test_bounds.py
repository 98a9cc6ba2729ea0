"""A search ends in bounded time, whatever a request brings, and offers what somebody could say."""

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


VALUES = """\
type User
type Doc
action read on Doc by User with { ip: Ip, found: [{ level: Int, name: String }] }
action list on Doc by User with { ip: Ip, found: [{ level: Int, name: String }] }
rule addresses:
  permit User to read on Doc
  when context.ip in 10.0.0.0/8 and not context.ip in 10.0.0.0/9
rule elements:
  permit User to list on Doc
  when any each in context.found: each.level > 3 and each.name == "k"
"""


def texts(action: str):
    engine = Engine.from_text(VALUES, entities=[Entity("User", "ada"), Entity("Doc", "plan")])
    found = engine.explain(Request(ref("User", "ada"), action, ref("Doc", "plan"), {"found": []})).flips
    assert found is not None and found.smallest is not None
    return [change.text for change in found.smallest]


def test_an_address_is_offered_before_a_range():
    assert texts("read") == ["context.ip = 10.255.255.255"]


def test_one_element_is_offered_before_many():
    assert texts("list") == ['context.found = [{ level: 4, name: "k" }]']


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


def test_quantifiers_within_one_another_are_passed_over_in_bounded_time():
    nested = "".join(f"any x{at} in context.each: " for at in range(12))
    engine = Engine.from_text(
        "type User\ntype Page\ncontext { each: [Int] }\naction read on Page by User\n"
        f"rule deep: permit User to read on Page when {nested}x11 == 3\n"
    )

    flips = engine.explain(Request(ref("User", "ada"), "read", ref("Page", "home"), {"each": [1]})).flips

    assert flips is not None
    assert flips.smallest is not None or not flips.complete
