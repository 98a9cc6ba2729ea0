"""What Python's compiler, its stack and its memory do not take is answered by the interpreter, in bounded time."""

from __future__ import annotations

import ast
import builtins
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from pdp import terms, wide
from pdp.classes import replace
from pdp.engine import Engine, store_of
from pdp.errors import PolicyError
from pdp.model import Decision, Entity, Outcome, Reason
from pdp.symbols import CompareOp
from pdp.terms import ClauseKind, Policy, RootName, Term
from pdp.values import EntityRef, ValueSet
from tests.compiled.beside import Beside, checked
from tests.differential.comparing import exactly, interpreted

BASE = """
context { n?: Int, s?: String }
type User { level: Int, name: String, flags: [Int] }
type Page { rank: Int, title: String }
action read on Page by User
rule first: permit User to read on Page when principal.level == 1
rule shut: forbid User to read on Page when resource.rank == 99 because "x"
"""
POLICY = checked(BASE)
FIRST = next(rule for rule in POLICY.rules if rule.id == "first")
ENTITIES = [
    Entity("User", "ada", {"level": 7, "name": "x7", "flags": [1, 2]}),
    Entity("User", "ben", {"level": -1, "name": "none", "flags": []}),
    Entity("Page", "home", {"rank": 3, "title": "t3"}),
    Entity("Page", "shut", {"rank": 99, "title": "t99"}),
]
ADA, BEN = EntityRef("User", "ada"), EntityRef("User", "ben")
HOME, SHUT = EntityRef("Page", "home"), EntityRef("Page", "shut")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Compile all that a question asks for, however much that is; called with a number, only so much."""

    def compile_(count: int) -> None:
        monkeypatch.setattr(wide, "AT_ONCE", count)

    compile_(10**9)
    return compile_


def attribute(name: str, root: RootName = RootName.PRINCIPAL) -> Term:
    return terms.Attribute(base=terms.Root(name=root), name=name)


def test_of(name: str, op: CompareOp, value: Any, root: RootName = RootName.PRINCIPAL) -> Term:
    return terms.Compare(op=op, left=attribute(name, root), right=terms.Constant(value=value))


test_of.__test__ = False  # type: ignore[attr-defined]


def rule(number: int, condition: Term, **changed: Any) -> terms.Rule:
    clause = terms.Clause(kind=ClauseKind.WHEN, condition=condition)
    return replace(FIRST, id=f"rule{number:06}", clauses=(clause,), **changed)


def policy(*rules: terms.Rule) -> Policy:
    shut = next(each for each in POLICY.rules if each.id == "shut")
    return Policy(schema=POLICY.schema, rules=(*rules, shut), revision="made")


def ask_all(asked: Beside, fast: bool | None = None) -> list[Decision]:
    return [asked.ask(who, "read", what, {"n": 7, "s": "x7"}, fast=fast) for who in (ADA, BEN) for what in (HOME, SHUT)]


@contextmanager
def bounded(seconds: float, megabytes: float = 300) -> Iterator[None]:
    """Hold what is done to a time and a growth of memory, both many times what it takes."""
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    spent = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{spent:.2f} s, {grown:.0f} MiB more")
    assert spent < seconds
    assert grown < megabytes


# ------------------------------------------------------------------------------------------------------- many rules


def test_ten_thousand_rules_of_one_cell_that_ask_for_a_value():
    made = [rule(number, test_of("level", CompareOp.EQ, number)) for number in range(10_000)]

    with bounded(60):
        found = ask_all(Beside(policy(*made), ENTITIES), fast=True)

    assert [each.determining_rules for each in found] == [("rule000007",), ("shut",), (), ("shut",)]


def test_ten_thousand_rules_of_one_cell_that_no_value_tells_apart():
    made = [rule(number, test_of("level", CompareOp.GT, number)) for number in range(10_000)]

    with bounded(60):
        found = ask_all(Beside(policy(*made), ENTITIES), fast=True)

    assert found[0].determining_rules == tuple(f"rule{number:06}" for number in range(7))


def test_ten_thousand_forbids_of_one_cell_deny():
    made = [rule(number, test_of("level", CompareOp.LT, -number)) for number in range(5_000)]
    open_ = rule(0, test_of("level", CompareOp.LT, 100))
    shut = [replace(each, id=f"shut{each.id}", effect=terms.Effect.FORBID, because="x") for each in made]

    with bounded(60):
        found = ask_all(Beside(policy(open_, *shut), ENTITIES), fast=True)

    assert [str(each.outcome) for each in found] == ["allow", "deny", "deny", "deny"]


@pytest.mark.usefixtures("compiled_rules")
def test_no_question_waits_for_thousands_of_functions(at_once: Callable[[int], None]):
    at_once(8)
    count = 100
    known = policy(*(rule(number, shaped(number)) for number in range(count)))
    engine = Engine(known, store_of(ENTITIES, known.schema))
    judge = Engine(known, store_of(ENTITIES, known.schema), compiled=False)
    made: list[int] = []
    slow: list[bool] = []

    for _ in range(12):
        with interpreted() as asked:
            assert exactly(engine.decide(ADA, "read", HOME)) == exactly(judge.decide(ADA, "read", HOME))
        slow.append(len(asked) > 1)  # the judge is one of them
        cell = engine._world.program.cell("read", "User", "Page")
        assert cell is not None
        made.append(len(cell.functions))

    # A question may come by three times, before the interpreter answers it.
    assert all(after - before <= 24 for before, after in pairwise([0, *made]))
    assert made[-1] == count + 1
    assert slow[0]
    assert not slow[-1]


def shaped(number: int) -> Term:
    """Return a condition of a shape of its own, for each number up to 2 ** 14."""
    some = []
    for bit in range(14):
        test: Term = test_of("level", CompareOp.LT, bit)
        some.append(terms.Not(operand=test) if number >> bit & 1 else test)
    return terms.Or(operands=(test_of("name", CompareOp.EQ, f"x{number}"), terms.And(operands=tuple(some))))


@pytest.mark.usefixtures("compiled_rules")
def test_two_thousand_conditions_of_different_shapes():
    known = policy(*(rule(number, shaped(number)) for number in range(2_000)))
    engine = Engine(known, store_of(ENTITIES, known.schema))
    judge = Engine(known, store_of(ENTITIES, known.schema), compiled=False)

    with bounded(120, 1500):
        for who in (ADA, BEN):
            assert exactly(engine.decide(who, "read", HOME)) == exactly(judge.decide(who, "read", HOME))
    with interpreted() as asked:
        found = engine.decide(ADA, "read", HOME)

    # Seven is not less than 0 to 7, and less than all that follow.
    assert found.determining_rules == ("rule000007", "rule000255")
    assert asked == []


# -------------------------------------------------------------------------------------------------- long conditions


MANY = 100_000
LEVELS = [test_of("level", CompareOp.NE, 1000 + number) for number in range(MANY)]
LONG: dict[str, tuple[Term, bool | None]] = {
    "and": (terms.And(operands=tuple(LEVELS)), None),
    "or": (terms.Or(operands=(*LEVELS, test_of("level", CompareOp.EQ, 7))), None),
    "not or": (terms.Not(operand=terms.Or(operands=tuple(terms.Not(operand=each) for each in LEVELS))), None),
    "in many numbers": (
        terms.In(left=attribute("level"), right=terms.Constant(value=ValueSet(range(7, MANY + 7)))),
        True,
    ),
    "in many texts": (
        terms.In(left=attribute("name"), right=terms.Constant(value=ValueSet(f"x{each}" for each in range(MANY)))),
        True,
    ),
    "in many computed numbers": (
        terms.In(
            left=attribute("level"),
            right=terms.SetOf(items=tuple(terms.Constant(value=number) for number in range(MANY))),
        ),
        None,
    ),
}


@pytest.mark.usefixtures("compiled_rules")
@pytest.mark.parametrize("name", LONG)
def test_a_condition_of_a_hundred_thousand_terms(name: str):
    condition, fast = LONG[name]

    known = policy(rule(0, condition))
    engine = Engine(known, store_of(ENTITIES, known.schema))
    judge = Engine(known, store_of(ENTITIES, known.schema), compiled=False)
    with bounded(60, 600):
        found = judge.decide(ADA, "read", HOME)
        with interpreted() as asked:
            assert exactly(engine.decide(ADA, "read", HOME)) == exactly(found)
            assert engine.allows(ADA, "read", HOME)
        assert exactly(engine.decide(BEN, "read", SHUT)) == exactly(judge.decide(BEN, "read", SHUT))
    if fast:
        assert asked == []

    assert found.outcome is Outcome.ALLOW


def test_a_function_whose_jumps_do_not_fit_into_fifteen_bits():
    def long(start: int) -> Term:
        tests = [test_of("level", CompareOp.GT, start - number) for number in range(900)]
        return terms.Or(operands=(terms.And(operands=tuple(tests[:300])), terms.And(operands=tuple(tests[300:]))))

    with bounded(120, 800):
        asked = Beside(policy(*(rule(number, long(number * 60)) for number in range(20))), ENTITIES)
        with watched_code() as sizes:
            found = ask_all(asked)

    assert max(sizes) > 2 * 2**15
    assert found[0].determining_rules == tuple(f"rule{number:06}" for number in range(6))


@contextmanager
def watched_code() -> Iterator[list[int]]:
    """Note how long the code is of each function that is compiled meanwhile."""
    make, sizes = builtins.compile, [0]

    def compiled(source: Any, *rest: Any, **more: Any) -> Any:
        code = make(source, *rest, **more)
        if isinstance(source, ast.AST):
            sizes.extend(len(each.co_code) for each in code.co_consts if hasattr(each, "co_code"))
        return code

    builtins.compile = compiled  # type: ignore[assignment]
    try:
        yield sizes
    finally:
        builtins.compile = make


# ------------------------------------------------------------------------------------------------- deep conditions


def nested(depth: int, wrap: Callable[[Term], Term]) -> Term:
    found: Term = test_of("level", CompareOp.EQ, 7)
    for _ in range(depth):
        found = wrap(found)
    return found


WRAPS: dict[str, Callable[[Term], Term]] = {
    "not": lambda term: terms.Not(operand=terms.Not(operand=term)),
    "and": lambda term: terms.And(operands=(term, test_of("level", CompareOp.GT, 0))),
    "or": lambda term: terms.Or(operands=(test_of("level", CompareOp.GT, 100), term)),
    "if": lambda term: terms.If(
        test=test_of("level", CompareOp.GT, 0), then=term, otherwise=test_of("level", CompareOp.EQ, 50)
    ),
    "if in the test": lambda term: terms.If(
        test=term, then=test_of("level", CompareOp.GT, 0), otherwise=terms.Constant(value=False)
    ),
    "and of not or": lambda term: terms.Not(
        operand=terms.Or(operands=(terms.Not(operand=term), test_of("level", CompareOp.LT, 0)))
    ),
}


@pytest.mark.parametrize("depth", [10, 29, 35, 60])
@pytest.mark.parametrize("name", WRAPS)
def test_a_deep_condition_is_answered_by_both(name: str, depth: int):
    found = ask_all(Beside(policy(rule(0, nested(depth, WRAPS[name]))), ENTITIES))

    assert [each.outcome for each in found] == [Outcome.ALLOW, Outcome.DENY, Outcome.DENY, Outcome.DENY]


@pytest.mark.parametrize("depth", [200, 3_000])
@pytest.mark.parametrize("name", WRAPS)
def test_a_condition_deeper_than_any_text_is_answered_or_denied(name: str, depth: int):
    known = policy(rule(0, nested(depth, WRAPS[name])))
    engine = Engine(known, store_of(ENTITIES, known.schema))

    with bounded(60):
        for _ in range(5):
            found, other = engine.decide(ADA, "read", HOME), engine.decide(BEN, "read", HOME)

    assert found.outcome is Outcome.ALLOW or found.reason is Reason.INTERNAL_ERROR
    assert other.outcome is Outcome.DENY


@pytest.mark.parametrize("opening", ["(", "not ("])
def test_text_as_deep_as_the_parser_takes_it_is_answered_by_both(opening: str):
    known, taken = None, 0
    for depth in range(64, 1, -1):
        text = opening * depth + "principal.level == 7" + ")" * depth
        text = f"not ({text})" if "not" in opening and depth % 2 else text
        try:
            known, taken = checked(BASE + f"rule deep: permit User to read on Page when {text}"), depth
            break
        except PolicyError:
            continue

    assert known is not None
    assert taken > 20
    assert "deep" in ask_all(Beside(known, ENTITIES))[0].determining_rules


# ------------------------------------------------------------------------------------------------------- wide worlds


def test_a_thousand_actions_on_fifty_types_cost_what_is_asked():
    types = [f"T{number}" for number in range(50)]
    text = "\n".join(
        [
            "type User { level: Int }",
            *(f"type {each} {{ rank: Int }}" for each in types),
            *(f"action act{number} on {', '.join(types)} by User" for number in range(1_000)),
            *(f"rule one{number}: permit User to act{number} on T{number % 50}" for number in range(1_000)),
            'rule ranks: forbid User to act7 on anything when resource.rank > 5 because "x"',
        ]
    )
    known = checked(text)
    world = [Entity("User", "ada", {"level": 1}), *(Entity(each, "x", {"rank": 3}) for each in types)]

    with bounded(60):
        asked = Beside(known, world)
        for number in range(0, 1_000, 11):
            for kind in (number % 50, (number + 1) % 50):
                what = EntityRef(f"T{kind}", "x")
                found = asked.ask(EntityRef("User", "ada"), f"act{number}", what, fast=True)
                assert bool(found) is (kind == number % 50)


def test_more_than_two_hundred_and_fifty_five_of_everything():
    names = [f"a{number}" for number in range(300)]
    fields = ", ".join(f"{name}: Int" for name in names)
    whole = ", ".join(f"{name}: {number}" for number, name in enumerate(names))
    text = f"""
    context {{ {fields}, whole: {{ {fields} }} }}
    type User {{ level: Int }}
    type Page
    action read on Page by User
    obligation much {{ {fields} }}
    define sum({", ".join(f"p{name}: Int" for name in names)}) = {" + ".join(f"p{name}" for name in names[:40])}
    rule each: permit User to read on Page
      when {" and ".join(f"context.{name} == {number}" for number, name in enumerate(names))}
      oblige much {{ {whole} }}
    rule whole: permit User to read on Page when context.whole == {{ {whole} }}
    rule sums: permit User to read on Page
      when sum({", ".join(f"context.{name}" for name in names)}) == {sum(range(40))}
    rule any_of: permit User to read on Page when principal.level in [{", ".join(f"context.{name}" for name in names)}]
    """
    asked = Beside(text, [Entity("User", "ada", {"level": 299}), Entity("Page", "p")], handles=["much"])
    context: dict[str, Any] = {name: number for number, name in enumerate(names)}
    context["whole"] = dict(context)

    with bounded(60):
        found = asked.ask(EntityRef("User", "ada"), "read", EntityRef("Page", "p"), context)
        other = asked.ask(EntityRef("User", "ada"), "read", EntityRef("Page", "p"), {**context, "a299": 0})

    assert found.determining_rules == ("any_of", "each", "sums", "whole")
    assert other.determining_rules == ("sums", "whole")


# ------------------------------------------------------------------------------------------- a compiler that fails


@pytest.mark.parametrize(
    "error", [RecursionError, MemoryError, SyntaxError, IndentationError, ValueError, OverflowError]
)
@pytest.mark.parametrize("rules", [1, 40])
def test_what_cannot_be_compiled_is_answered_by_the_interpreter_and_not_tried_for_ever(
    error: type[Exception], rules: int, monkeypatch: pytest.MonkeyPatch
):
    make, tried = builtins.compile, []

    def failing(source: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(source, ast.AST):
            tried.append(source)
            raise error("too much")
        return make(source, *rest, **more)

    made = [rule(number, test_of("level", CompareOp.GT, 3 + number)) for number in range(rules)]
    asked = Beside(policy(*made), ENTITIES)
    monkeypatch.setattr(builtins, "compile", failing)

    first = ask_all(asked, fast=False)
    for _ in range(3):
        ask_all(asked, fast=False)
    after_first = len(tried)
    second = ask_all(asked, fast=False)

    assert [exactly(each) for each in first] == [exactly(each) for each in second]
    assert [each.outcome for each in first] == [Outcome.ALLOW, Outcome.DENY, Outcome.DENY, Outcome.DENY]
    assert after_first > 0
    # A compiler that fails takes long: what an attacker can ask for must not start it again and again.
    assert len(tried) == after_first


def test_a_cell_that_cannot_be_compiled_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch):
    make = builtins.compile

    def failing(source: Any, filename: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(source, ast.AST) and "to write" in str(filename):
            raise MemoryError
        return make(source, filename, *rest, **more)

    monkeypatch.setattr(builtins, "compile", failing)
    text = BASE + "action write on Page by User\nrule writes: permit User to write on Page when principal.level == 7"
    asked = Beside(text, ENTITIES)

    assert asked.ask(ADA, "write", HOME, fast=False).outcome is Outcome.ALLOW
    asked.ask(ADA, "read", HOME, fast=True)
    assert asked.ask(BEN, "write", HOME, fast=False).outcome is Outcome.DENY


# -------------------------------------------------------------------------------------------------- a deep stack


DEEP_TEXT = (
    BASE
    + """
rule open: permit User to read on Page when context has s and context.s like "x*"
rule deep: forbid User to read on Page
  when (if (if (principal.level + 1 > 7) then (any x in principal.flags: (x == 2)) else false)
    then context has n and (context.n + (resource.rank - 3)) == 8 else false)
  because "x"
"""
)


def with_frames_left(count: int, work: Callable[[], Any]) -> Any:
    """Do something with hardly a frame left; None where Python did not even come to it."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(depth + count)
        return work()
    except RecursionError:
        return None
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("many", [0, 30])
def test_hardly_a_frame_left_gives_no_allow_and_nothing_wrong_to_remember(warm: bool, many: int):
    text = DEEP_TEXT + "".join(
        f"rule many{number}: permit User to read on Page when resource.rank == {number}\n" for number in range(many)
    )
    known = checked(text)
    judge = Engine.from_text(text, entities=ENTITIES, compiled=False)
    questions = [(who, what, {"n": n, "s": "x7"}) for who in (ADA, BEN) for what in (HOME, SHUT) for n in (8, 9)]
    right = [exactly(judge.decide(who, "read", what, context)) for who, what, context in questions]
    assert {seen[0] for seen in right} == {Outcome.ALLOW, Outcome.DENY}
    engine, came = Engine.from_text(text, entities=ENTITIES), 0
    assert engine.policy == known

    for count in range(2, 160):
        if not warm:
            engine = Engine.from_text(text, entities=ENTITIES)
        for (who, what, context), seen in zip(questions, right, strict=True):
            asked = partial(engine.decide, who, "read", what, context)
            found = with_frames_left(count, asked)
            allowed = with_frames_left(count, partial(engine.allows, who, "read", what, context))
            assert allowed in (None, False, seen[0] is Outcome.ALLOW)
            if found is not None:
                came += 1
                assert exactly(found) == seen or found.outcome is Outcome.DENY
        # What was learnt on the way is right.
        if count % 10 == 0:
            for (who, what, context), seen in zip(questions, right, strict=True):
                assert exactly(engine.decide(who, "read", what, context)) == seen
    assert came > 100


def test_a_condition_that_is_too_long_to_compile_is_not_compiled_again_for_each_question():
    condition = terms.And(operands=tuple(LEVELS[:5_000]))
    asked = Beside(policy(rule(0, condition)), ENTITIES)
    ask_all(asked)

    with interpreted() as judged, watched_code() as sizes:
        asked.engine.decide(ADA, "read", HOME)

    assert len(judged) <= 1
    assert sizes == [0]


def test_what_a_quantifier_goes_through_may_be_of_an_entity_elsewhere():
    asked = Beside(
        """
        type User { level: Int }
        type Page { owner: Owner, tags: [String] }
        type Owner { friends: [User], pages: [Page] }
        action read on Page by User
        rule friends: permit User to read on Page when any x in resource.owner.friends: x == principal
        rule tags: permit User to read on Page
          when all x in resource.owner.pages: (any y in x.owner.friends: (y.level > 1 and y != principal))
        """,
        [
            *(Entity("User", name, {"level": level}) for name, level in (("ada", 1), ("ben", 2))),
            Entity("Owner", "o", {"friends": [BEN], "pages": [HOME]}),
            Entity("Page", "home", {"owner": EntityRef("Owner", "o"), "tags": []}),
        ],
    )

    assert asked.rules(ADA, "read", HOME, fast=True) == ("tags",)
    assert asked.rules(BEN, "read", HOME, fast=True) == ("friends",)


@pytest.mark.parametrize("before", [timedelta(0), timedelta(hours=1), timedelta(days=400)])
def test_a_lease_that_reaches_beyond_the_last_instant_is_none(before: timedelta):
    asked = Beside(BASE + "rule again: permit User to read on Page recheck every 300d", ENTITIES)
    now = datetime.max.replace(tzinfo=UTC) - before

    found = asked.ask(ADA, "read", HOME, None, None, now, fast=True)

    assert found.valid_until == (now + timedelta(days=300) if before.days > 300 else None)
