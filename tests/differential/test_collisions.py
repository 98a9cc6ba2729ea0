"""Requests that are nearly one get each its own answer, whatever the engine remembers."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from pdp.engine import Engine
from pdp.model import Decision, Entity, Reason, Request
from pdp.values import EntityRef
from tests.differential import collisions
from tests.differential.collisions import NOW, Number, Plain, Ref, Text
from tests.differential.comparing import exactly

WORLD = """
context { ns?: [Int], r?: { a: [Int] }, n?: Int, s?: String }
type Team
type User in Team { level: Int }
type Bot in Team { level: Int }
type Page { title: String }
action read on Page by User, Bot
obligation show { n: Int, s: String }

rule numbers: permit User to read on Page when context has ns and 1 in context.ns
rule record: permit User to read on Page when context has r and 1 in context.r.a
rule fixed: permit User in Team "t" to read on Page oblige show { n: 1, s: "fixed" }
rule computed: permit anyone to read on anything when context has n and context.n == 7
  oblige show { n: context.n, s: "computed" }
rule titled: permit Bot to read on Page when resource.title == "x"
rule strong: permit anyone to read on anything when session.mfa
rule shut: forbid anyone to read on anything when principal.level < 0 because "below all"
"""
ADA, BOT, PAGE = EntityRef("User", "ada"), EntityRef("Bot", "ada"), EntityRef("Page", "home")


def engine(*, rules: str = WORLD, **options: Any) -> Engine:
    entities = [
        Entity("User", "ada", {"level": 1}),
        Entity("Bot", "ada", {"level": 1}),
        Entity("Page", "home", {"title": "x"}),
    ]
    return Engine.from_text(rules, entities=entities, handles=["show"], **options)


def ways(held: Engine) -> dict[str, Callable[..., Decision]]:
    return {
        "decide": held.decide,
        "answer": lambda principal, action, resource, context=None, session=None, now=None: held.answer(
            Request(principal, action, resource, {} if context is None else context, session, now)
        ),
    }


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_pairs_of_requests_that_are_nearly_one_get_what_the_interpreter_says(seed: str):
    assert collisions.wrong_pairs(seed, 1500) == []


def test_many_pairs_are_answered_apart():
    shares = collisions.outcomes("0", 400)

    assert shares["apart"] > 0.2
    assert 0.1 < shares["allowed"] < 0.9


class Memory:
    """An engine that remembers answers by a key that is too coarse."""

    def __init__(self, held: Engine, key: Callable[[Request], Any]) -> None:
        self._held, self._key = held, key
        self._known: dict[Any, Decision] = {}

    def decide(self, principal: Any, action: Any, resource: Any, **arguments: Any) -> Decision:
        request = Request(
            principal,
            action,
            resource,
            arguments["context"],
            arguments["session"],
            arguments["now"],
            arguments["entities"],
        )
        try:
            key = self._key(request)
            if key not in self._known:
                self._known[key] = self._held.answer(request)
            return self._known[key]
        except (TypeError, AttributeError):
            return self._held.answer(request)

    def allows(self, *arguments: Any, **named: Any) -> bool:
        return self._held.allows(*arguments, **named)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list | set) else value


def _items(given: Any) -> Any:
    return None if given is None else frozenset((name, _frozen(value)) for name, value in given.items())


def python_takes_one_for_true(asked: Request) -> Any:
    return asked.principal, asked.action, asked.resource, _items(asked.context), _items(asked.session), asked.now


def kinds_are_lost(asked: Request) -> Any:
    return repr((*asked.principal, asked.action, *asked.resource, asked.session, asked.now)), str(
        sorted((name, str(value)) for name, value in asked.context.items())
    )


def parts_run_together(asked: Request) -> Any:
    context = "".join(map(repr, asked.context.values()))
    return f"{asked.principal!r}{asked.action!r}{asked.resource!r}{asked.session!r}{asked.now!r}", context


def types_are_lost(asked: Request) -> Any:
    return repr((asked.principal[1], asked.action, asked.resource[1], asked.context, asked.session, asked.now))


def time_is_lost(asked: Request) -> Any:
    return repr((asked.principal, asked.action, asked.resource, asked.context, asked.session))


def the_session_is_lost(asked: Request) -> Any:
    return repr((asked.principal, asked.action, asked.resource, asked.context, asked.now))


@pytest.mark.parametrize(
    "key",
    [python_takes_one_for_true, kinds_are_lost, parts_run_together, types_are_lost, time_is_lost, the_session_is_lost],
)
def test_a_key_that_is_too_coarse_is_found(key: Callable[[Request], Any]):
    assert collisions.wrong_pairs("0", 5000, lambda held: Memory(held, key))


@pytest.mark.parametrize("way", ["decide", "answer"])
def test_what_a_caller_changes_after_the_call_changes_no_decision_and_is_seen_by_the_next(way: str):
    ask = ways(engine())[way]
    context: dict[str, Any] = {"ns": [1], "r": {"a": [1]}}
    first = ask(ADA, "read", PAGE, context)
    before = exactly(first)

    context["ns"].append(2)
    context["ns"].remove(1)
    context["r"]["a"][0] = 2

    assert exactly(first) == before
    assert first.determining_rules == ("numbers", "record")
    assert ask(ADA, "read", PAGE, context).determining_rules == ()
    assert ask(ADA, "read", PAGE, {"ns": [1]}).determining_rules == ("numbers",)


@pytest.mark.parametrize("context", [{}, {"n": 7}])
def test_what_a_caller_does_to_a_decision_is_not_in_the_next(context: dict[str, Any]):
    ben = Entity("User", "ben", {"level": 1}, [EntityRef("Team", "t")])
    store = [ben, Entity("Team", "t"), Entity("Page", "home", {"title": "x"})]
    held = Engine.from_text(WORLD, entities=store, handles=["show"])
    # Every rule is known with it: nothing stands in the way of an answer that is remembered.
    session = {"mfa": False, "methods": [], "authenticated_at": NOW}
    asked = {**context, "n": context.get("n", 1), "ns": [], "r": {"a": []}}
    first = held.decide(ben.ref, "read", PAGE, asked, session, NOW)
    before = exactly(first)
    assert first.obligations and not first.erring_rules

    for duty in first.obligations:
        try:
            duty.arguments["s"] = "changed"  # type: ignore[index]
        except TypeError:
            # It does not let itself be changed at all.
            continue

    assert exactly(held.decide(ben.ref, "read", PAGE, asked, session, NOW)) == before
    assert exactly(held.answer(Request(ben.ref, "read", PAGE, asked, session, NOW))) == before


@pytest.mark.parametrize("way", ["decide", "answer"])
@pytest.mark.parametrize(
    "name", [("User", "ada"), ["User", "ada"], 'User "ada"', {"type": "User", "id": "ada"}, None, 1, b"ada"]
)
def test_what_only_looks_like_a_reference_is_refused(way: str, name: Any):
    held = engine()
    assert held.decide(ADA, "read", PAGE, {"ns": [1]})

    decision = ways(held)[way](name, "read", PAGE, {"ns": [1]})

    assert decision.reason is Reason.INVALID_REQUEST
    assert not held.allows(name, "read", PAGE, {"ns": [1]})
    assert ways(held)[way](ADA, "read", tuple(PAGE), {"ns": [1]}).reason is Reason.INVALID_REQUEST


@pytest.mark.parametrize("same", [Ref("User", "ada"), EntityRef(Plain("User"), Plain("ada")), Entity("User", "ada")])
def test_another_form_of_a_name_is_the_same_entity(same: Any):
    held = engine()
    expected = exactly(held.decide(ADA, "read", PAGE, {"ns": [1]}))

    assert exactly(held.decide(same, "read", PAGE, {"ns": [1]})) == expected
    assert held.allows(same, "read", PAGE, {"ns": [1]})


def test_text_and_numbers_that_equal_everything_pass_for_nothing_else():
    held = engine()
    assert held.decide(ADA, "read", PAGE, {"n": 7, "ns": [1]})

    assert held.decide(EntityRef("User", Text("nobody")), "read", PAGE, {"n": 7}).reason is Reason.UNKNOWN_ENTITY
    assert "computed" not in held.decide(ADA, "read", PAGE, {"n": Number(8)}).determining_rules
    assert held.decide(ADA, Text("write"), PAGE, {"n": 7}).reason is Reason.INVALID_REQUEST


def test_the_same_id_of_another_type_is_another_entity():
    held = engine()

    assert held.decide(BOT, "read", PAGE).determining_rules == ("titled",)
    assert held.decide(ADA, "read", PAGE).determining_rules == ()
    assert held.decide(BOT, "read", PAGE).determining_rules == ("titled",)


def test_one_session_is_asked_with_of_engines_that_revoke_differently():
    session = {"mfa": True, "token_id": "t1", "methods": ["otp"], "authenticated_at": NOW}
    open_to_it, closed_to_it = engine(), engine(revoked_sessions=["t1"])

    for _ in range(2):
        assert open_to_it.decide(ADA, "read", PAGE, session=session, now=NOW).determining_rules == ("strong",)
        assert closed_to_it.decide(ADA, "read", PAGE, session=session, now=NOW).reason is Reason.SESSION_REVOKED


# --------------------------------------------------------------------------------------------------------- changes

if hasattr(Engine, "session"):

    def test_a_session_that_one_engine_read_is_judged_by_the_engine_that_is_asked():
        given = {"mfa": True, "token_id": "t1", "methods": ["otp"], "authenticated_at": NOW}
        open_to_it, closed_to_it = engine(), engine(revoked_sessions=["t1"])
        session = open_to_it.session(given)

        for _ in range(2):
            assert open_to_it.decide(ADA, "read", PAGE, session=session, now=NOW).determining_rules == ("strong",)
            assert closed_to_it.decide(ADA, "read", PAGE, session=session, now=NOW).reason is Reason.SESSION_REVOKED

    def test_a_session_that_was_read_is_what_it_was_and_ends_when_it_ends():
        end = NOW + datetime.timedelta(minutes=5)
        given = {"mfa": True, "methods": ["otp"], "authenticated_at": NOW, "expires_at": end}
        held = engine()
        session = held.session(given)

        given["mfa"] = False
        given["methods"].append("pwd")  # type: ignore[attr-defined]

        assert held.decide(ADA, "read", PAGE, session=session, now=NOW).valid_until == end
        assert held.allows(ADA, "read", PAGE, session=session, now=NOW)
        assert not held.allows(ADA, "read", PAGE, session=session, now=end)
        assert held.decide(ADA, "read", PAGE, session=session, now=end).reason is Reason.SESSION_EXPIRED


if hasattr(Engine, "upsert_entity"):

    def test_an_entity_that_changes_is_answered_anew_and_one_that_changes_back_as_before():
        held = engine()
        before = exactly(held.decide(BOT, "read", PAGE))

        held.upsert_entity(Entity("Page", "home", {"title": "y"}))
        between = held.decide(BOT, "read", PAGE)
        held.upsert_entity(Entity("Page", "home", {"title": "x"}))

        assert between.determining_rules == ()
        assert between.facts_revision != before[-1]
        assert exactly(held.decide(BOT, "read", PAGE)) == before

    def test_an_entity_that_is_removed_is_no_longer_known():
        held = engine()
        assert held.decide(ADA, "read", PAGE, {"ns": [1]})

        held.remove_entity(ADA)

        assert held.decide(ADA, "read", PAGE, {"ns": [1]}).reason is Reason.UNKNOWN_ENTITY
        assert not held.allows(ADA, "read", PAGE, {"ns": [1]})

    def test_a_group_that_is_left_no_longer_counts():
        held = engine()
        held.upsert_entity(Entity("User", "ada", {"level": 1}, [EntityRef("Team", "t")]))
        assert held.decide(ADA, "read", PAGE).determining_rules == ("fixed",)

        held.upsert_entity(Entity("User", "ada", {"level": 1}))

        assert held.decide(ADA, "read", PAGE).determining_rules == ()

    def test_a_policy_that_changes_is_answered_anew():
        held = engine()
        first = held.decide(ADA, "read", PAGE, {"ns": [1]})

        held.replace_policy(engine(rules=WORLD.replace("1 in context.ns", "2 in context.ns")).policy)

        second = held.decide(ADA, "read", PAGE, {"ns": [1]})
        assert (first.determining_rules, second.determining_rules) == (("numbers",), ())
        assert first.revision != second.revision
