"""What hostile policies, facts and requests could do to the whole, from the text to the answer."""

from __future__ import annotations

import ast
import datetime
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.folder import load_sources
from pdp.source import Source
from pdp.syntax.limits import MAX_DEPTH

NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")
ways = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "interpreted"])

# ---------------------------------------------------------------------------------------------------------- nesting

PAGES = """
type User
type Page { n: Int, open: Bool, sizes: [Int] }
action read on Page by User
rule r:
  permit User to read on Page
  when """
NESTED: dict[str, Callable[[int], str]] = {
    "not": lambda depth: "not " * depth + "resource.open",
    "parentheses": lambda depth: "(" * depth + "resource.open" + ")" * depth,
    "sums": lambda depth: "resource.n" + " + resource.n" * depth + " == 0",
    "negations": lambda depth: "-" * depth + "resource.n == 0",
    "if": lambda depth: "if resource.open then resource.open else " * depth + "resource.open",
    "any": lambda depth: "".join(f"any x{n} in resource.sizes: " for n in range(depth)) + "resource.open",
    "and in or": lambda depth: (
        "resource.open and (resource.open or (" * (depth // 2) + "resource.open" + "))" * (depth // 2)
    ),
    "sets": lambda depth: "not " + "[" * depth + "resource.n" + "]" * depth + " is empty",
}


@pytest.mark.parametrize("frames", [0, 400])
@pytest.mark.parametrize("shape", NESTED)
def test_what_is_nested_to_the_limit_is_checked_answered_and_explained(shape: str, frames: int) -> None:
    home = pdp.Entity("Page", "home", {"n": 0, "open": True, "sizes": [1]})
    text = next(
        PAGES + NESTED[shape](depth) + "\n"
        for depth in range(MAX_DEPTH, 0, -1)
        if not load_sources([Source("a.pdp", PAGES + NESTED[shape](depth) + "\n")]).errors
    )

    def call(left: int) -> list[tuple[str, int]]:
        if left:
            return call(left - 1)
        engines = [pdp.Engine.from_text(text, compiled=compiled) for compiled in (True, False)]
        request = pdp.Request(ADA, "read", home, now=NOW)
        return [(str(engine.answer(request).outcome), len(engine.explain(request).rules)) for engine in engines]

    assert call(frames) == [("allow" if shape != "not" or text.count("not ") % 2 == 0 else "deny", 1)] * 2
    assert sum(map(text.count, ("not ", "(", "+", "-", "if ", "any ", "["))) > MAX_DEPTH - 10


# ---------------------------------------------------------------------------------------------------------- patterns


@ways
@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        ("*a" * 10_000 + "*b", "a" * 100_000, False),
        ("*a" * 10_000 + "*b", "a" * 100_000 + "b", True),
        ("a" + "*" * 10_000, "a" * 100_000, True),
        ("*ab" * 10_000 + "*", "ab" * 50_000, True),
        ("(a+)+$", "a" * 100_000 + "!", False),
        (".*", "..", True),
        (".*", "a", False),
    ],
    ids=["stars_that_fail", "stars_that_match", "only_stars", "pairs", "a_regular_expression", "a_dot", "no_dot"],
)
def test_a_pattern_takes_linear_time_and_is_no_regular_expression(
    pattern: str, name: str, allowed: bool, compiled: bool
) -> None:
    text = "type User\ntype Page\naction read on Page by User with { name: String }\nrule r:\n"
    text += f'  permit User to read on Page\n  when context.name like "{pattern}"\n'
    engine = pdp.Engine.from_text(text, compiled=compiled)
    began = time.process_time()

    answers = [engine.allows(ADA, "read", HOME, {"name": name}, now=NOW) for _ in range(5)]

    assert answers == [allowed] * 5
    assert time.process_time() - began < 1.0


def patterns_made_at_run_time() -> Iterator[str]:
    """Find each regular expression that is made in a function of anything but a text that stands there."""
    for file in Path(pdp.__file__).parent.rglob("*.py"):
        if file.name == "patterns.py":
            # It makes what modules name when they are loaded.
            continue
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                    continue
                module = call.func.value
                if not isinstance(module, ast.Name) or module.id not in ("re", "patterns"):
                    continue
                if not (call.args and isinstance(call.args[0], ast.Constant)):
                    yield f"{file.name}:{call.lineno}"


def test_no_text_that_comes_from_outside_becomes_a_regular_expression() -> None:
    assert list(patterns_made_at_run_time()) == []


# ----------------------------------------------------------------------------------------------------------- numbers

NUMBER = """
type User
type Page
action read on Page by User with { n: Int }
rule one:
  permit User to read on Page
  when context.n == {number}
"""


@ways
@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("1", 1),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9007199254740993", 2**53 + 1),
        *(
            (given, number)
            for given in ("true", "1.0", '"1"', "1e0", "[1]", '{"n": 1}', "null", "NaN", "Infinity")
            for number in (1,)
        ),
        *((given, 0) for given in ("false", "-0.0", "0.0", '""', "[]")),
        ("9007199254740993.0", 2**53 + 1),
        ("9223372036854775808", 2**63 - 1),
        ("-9223372036854775809", -(2**63)),
        ("1" + "0" * 400, 1),
    ],
)
def test_a_number_from_json_is_that_number_or_unknown(given: str, number: int, compiled: bool) -> None:
    engine = pdp.Engine.from_text(NUMBER.replace("{number}", str(number)), compiled=compiled)

    decision = engine.decide(ADA, "read", HOME, {"n": json.loads(given)}, now=NOW)

    whole = given.lstrip("-").isdecimal() and -(2**63) <= int(given) < 2**63
    assert bool(decision) is whole
    assert decision.erring_rules == (() if whole else ("one",))


@ways
@pytest.mark.parametrize(
    ("condition", "erring"),
    [
        ("context.n + 1 > context.n", True),
        ("context.n - 1 < context.n", False),
        ("0 - context.n - 2 < 0", True),
        ("context.n * 2 > 0", True),
        ("-context.n < 0", False),
        ("-(-context.n - 1) > 0", True),
    ],
)
def test_arithmetic_at_the_ends_of_64_bits_is_exact_or_unknown(condition: str, erring: bool, compiled: bool) -> None:
    engine = pdp.Engine.from_text(NUMBER.replace("context.n == {number}", condition), compiled=compiled)

    decision = engine.decide(ADA, "read", HOME, {"n": 2**63 - 1}, now=NOW)

    assert (bool(decision), decision.erring_rules) == ((False, ("one",)) if erring else (True, ()))


# ---------------------------------------------------------------------------------------------------------- entities

STAFF = """
type Group in Group
type User in Group
type Page
action read on Page by User
rule staff_reads:
  permit User in Group "g{top}" to read on Page
"""


@ways
def test_a_question_about_a_chain_of_a_hundred_thousand_groups_is_answered(compiled: bool) -> None:
    count = 100_000
    groups = [
        pdp.Entity("Group", f"g{number}", {}, [pdp.ref("Group", f"g{number + 1}")] if number + 1 < count else [])
        for number in range(count)
    ]
    ada = pdp.Entity("User", "ada", {}, [pdp.ref("Group", "g0")])
    engines = [
        pdp.Engine.from_text(STAFF.replace("{top}", str(top)), entities=[*groups, ada], compiled=compiled)
        for top in (count - 1, count)
    ]
    began = time.process_time()

    answers = [engine.allows(ADA, "read", HOME, now=NOW) for engine in engines]

    assert answers == [True, False]
    assert time.process_time() - began < 20


# ------------------------------------------------------------------------------------------------- nothing is an allow


def test_no_decision_is_made_of_nothing() -> None:
    made: list[Callable[[], Any]] = [pdp.Decision, lambda: bool(pdp.Decision.__new__(pdp.Decision))]

    for make in made:
        with pytest.raises((TypeError, AttributeError)):
            make()
    for word in ("", "ALLOW", "Allow", 0, 1, None, True):
        with pytest.raises(ValueError, match="is not a valid Outcome"):
            pdp.Outcome(word)


@pytest.mark.parametrize("reason", list(pdp.Reason))
def test_a_decision_with_any_reason_but_permitted_is_no_allow(reason: pdp.Reason) -> None:
    decision = pdp.Decision(outcome=pdp.Outcome.DENY, reason=reason)

    assert not decision


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "name", ["", "a\0", "\ud800", "x\u202ey", "x" * 5000], ids=["empty", "NUL", "half", "bidi", "long"]
)
def test_a_request_asks_for_nobody_by_an_id_that_no_file_could_have(name, compiled):
    text = "type Agent\ntype Page\naction read on Page by Agent\nrule each: permit Agent to read on Page\n"
    engine = pdp.Engine.from_text(text, compiled=compiled)

    for _ in range(2):
        for principal, resource in ((name, "home"), ("a", name)):
            found = engine.decide(pdp.ref("Agent", principal), "read", pdp.ref("Page", resource))
            assert found.reason is pdp.Reason.INVALID_REQUEST
            assert not engine.allows(pdp.ref("Agent", principal), "read", pdp.ref("Page", resource))
    assert engine.allows(pdp.ref("Agent", "a"), "read", pdp.ref("Page", "home"))
