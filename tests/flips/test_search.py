"""What is found turns the decision around, and no set of fewer facts does: held to brute force on random worlds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import pdp
from pdp.flips import pool, search, wishes
from pdp.flips.answer import find
from tests.flips.brute import Brute
from tests.flips.cases import draw
from tests.flips.running import Tally, check, run

ROOT = Path(__file__).resolve().parents[2]

SLICE = 75
"""So many cases for each part. `make flips` takes far more."""


@pytest.mark.parametrize("part", range(3))
def test_what_is_found_flips_and_nothing_less_does(part: int):
    tally = run("tests", range(part * SLICE, (part + 1) * SLICE), tried=500)

    print(tally)
    assert tally.wrong == [], "\n\n".join(tally.wrong)
    assert tally.counts["smallest of 1"] >= SLICE // 3
    assert tally.counts["smallest of 2"] >= 1
    assert tally.counts["allow"] >= SLICE // 10 <= tally.counts["deny"]


def test_a_case_is_the_same_each_time_and_so_is_what_is_found():
    found = []
    for _ in range(2):
        case = draw("again", 7)
        _, judgement, question, facts = case.engine().judged(case.request)
        found.append(find(case.policy, question, facts, judgement, case.store))

    assert repr(found[0]) == repr(found[1])


def test_what_is_found_does_not_depend_on_how_this_python_hashes():
    code = (
        "from pdp.flips.answer import find\nfrom tests.flips.cases import draw\n"
        "for number in range(30):\n"
        "    case = draw('hashes', number)\n"
        "    _, judgement, question, facts = case.engine().judged(case.request)\n"
        "    found = judgement and find(case.policy, question, facts, judgement, case.store)\n"
        "    flips = () if found is None else (found.smallest, found.alone)\n"
        "    print([flip and flip.changes for flip in flips], found and (found.complete, found.reason))\n"
    )

    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert told[0] == told[1]
    assert told[0].count("Change(") > 10


def breaches():
    def none_beside(value):
        yield value

    def nothing(self, *arguments):
        return None

    yield "values_beside_an_edge", 0, wishes, "around", none_beside
    yield "memberships", 0, wishes.Wishes, "_into", nothing
    yield "time", 0, wishes.Wishes, "_time", nothing
    yield "approvals", 0, wishes.Wishes, "_approved", nothing
    yield "usual_values", 300, pool, "_PLAIN", dict.fromkeys(pool._PLAIN, ())


def target_alone(self, target, scene):
    found = wishes.Wishes(scene, self._court.schema, self._known)
    found.before_rules()
    if target.rule is not None:
        found.rule(target.rule)
    return found


IN_THE_WAY = """
type User
type Page
context { level: String }
action read on Page by User
rule those_of_a:
  permit User to read on Page
  when context.level like "a*"
rule but_one:
  forbid User to read on Page
  when context.level like "a*" and context.level != "alpha"
  because "all but one are closed"
"""


def smallest_in_the_way():
    engine = pdp.Engine.from_text(IN_THE_WAY)
    asked = pdp.Request(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), {"level": "beta"})
    flips = engine.explain(asked).flips
    return flips.smallest and [change.text for change in flips.smallest]


def test_what_another_rule_asks_is_tried_before_it_gets_in_the_way(monkeypatch):
    found = smallest_in_the_way()

    monkeypatch.setattr(search.Search, "_wishes", target_alone)

    assert found == ['context.level = "alpha"']
    assert smallest_in_the_way() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "first", "where", "what", "instead"), list(breaches()), ids=[name for name, *_ in breaches()]
)
def test_a_search_that_forgets_something_is_found_out(monkeypatch, name, first, where, what, instead):
    monkeypatch.setattr(where, what, instead)
    tally = Tally()

    # Where the first case that shows it is, it need not be looked for anew each time.
    for number in range(first, first + 600):
        check(draw("sabotage", number), tally, tried=100)
        if tally.wrong:
            break

    assert tally.wrong, f"without {name}, nothing was missed"


def test_brute_force_finds_a_flip_of_its_own():
    case = draw("tests", next(number for number in range(100) if found_alone(number)))

    assert case.number < 100


def found_alone(number: int) -> bool:
    case = draw("tests", number)
    _, judgement, question, facts = case.engine().judged(case.request)
    if judgement is None:
        return False
    return Brute(case, question, facts, random.Random(1)).smaller(2, 100) is not None
