"""Who can, and what can: exactly those whom `decide` grants, page by page."""

from __future__ import annotations

import random
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp import search
from pdp.values import EntityRef
from tests.differential import cases, world

TEXT = """
type User { level: Int }
type Robot
type Doc { owner: User }
context { ip?: Ip }
action read, write on Doc by User
action ping on Doc by Robot
obligation log {}
rule owners: permit User to read, write on Doc when resource.owner == principal
rule seniors: permit User to read on Doc when principal.level > 2 oblige log {}
rule nobody_from_there: forbid User to any on Doc when context has ip and context.ip in 10.0.0.0/8 because "no"
"""
DOC = EntityRef("Doc", "d1")


def user(name, level=0):
    return pdp.Entity("User", name, {"level": level})


def doc(name, owner):
    return pdp.Entity("Doc", name, {"owner": EntityRef("User", owner)})


@pytest.fixture
def engine():
    users = [user("ada", 5), user("bob"), user("eve", 3)]
    return pdp.Engine.from_text(TEXT, entities=[*users, doc("d1", "bob"), doc("d2", "ada")], handles=["log"])


def ids(page):
    return [each if isinstance(each, str) else each.id for each in page.results]


def every(ask, limit):
    """Return the results of all pages, and check what holds for each page."""
    found, token = [], ""
    for _ in count():
        page = ask(limit=limit, token=token)
        assert len(page.results) <= limit
        found += page.results
        if page.is_last:
            return found
        token = page.next_token
    return found


# ------------------------------------------------------------------------------------------------- what is listed


def test_those_who_may_are_listed_in_the_order_of_their_ids(engine):
    assert ids(engine.who_can("User", "read", DOC)) == ["ada", "bob", "eve"]
    assert ids(engine.who_can("User", "write", DOC)) == ["bob"]


def test_what_somebody_may_is_listed(engine):
    assert ids(engine.what_can(EntityRef("User", "ada"), "write", "Doc")) == ["d2"]
    assert ids(engine.actions(EntityRef("User", "bob"), DOC)) == ["read", "write"]
    assert ids(engine.actions(EntityRef("User", "ada"), DOC)) == ["read"]


def test_a_forbid_counts_for_each(engine):
    assert ids(engine.who_can("User", "read", DOC, context={"ip": "10.0.0.1"})) == []


def test_who_would_have_to_do_what_nobody_does_is_not_listed():
    engine = pdp.Engine.from_text(TEXT, entities=[user("ada", 5), user("bob"), doc("d1", "bob")])

    assert ids(engine.who_can("User", "read", DOC)) == ["bob"]
    assert ids(engine.who_can("User", "read", DOC, handles=["log"])) == ["ada", "bob"]


def test_what_is_not_declared_or_not_held_is_nobodys(engine):
    assert ids(engine.who_can("Spaceship", "read", DOC)) == []
    assert ids(engine.who_can("User", "fly", DOC)) == []
    assert ids(engine.who_can("User", "read", EntityRef("Doc", "gone"))) == []
    assert ids(engine.what_can(EntityRef("User", "gone"), "read", "Doc")) == []
    assert ids(engine.actions(EntityRef("Spaceship", "x"), DOC)) == []


def test_what_the_request_brings_is_known_for_each_candidate(engine):
    new = pdp.Entity("Doc", "new", {"owner": EntityRef("User", "eve")}, iter(()))

    assert ids(engine.who_can("User", "write", new)) == ["eve"]


def test_whoever_is_revoked_is_not_listed(engine):
    engine.revoke(principal=EntityRef("User", "ada"))

    assert ids(engine.who_can("User", "read", DOC)) == ["bob", "eve"]


def test_a_search_is_not_recorded():
    seen = []

    class Sink:
        def record(self, request, decision):
            seen.append(decision)

    engine = pdp.Engine.from_text(TEXT, entities=[user("ada", 5), doc("d1", "ada")], sink=Sink(), handles=["log"])

    assert ids(engine.who_can("User", "read", DOC)) == ["ada"]
    assert seen == []


def test_a_name_that_two_types_share_is_told_by_its_type(engine):
    engine.upsert_entity(pdp.Entity("Doc", "ada", {"owner": EntityRef("User", "bob")}))

    assert ids(engine.who_can("User", "read", DOC)) == ["ada", "bob", "eve"]


def test_entities_that_change_are_listed_as_they_are_now(engine):
    engine.upsert_entity(user("zoe", 9))
    engine.remove_entity(EntityRef("User", "eve"))

    assert ids(engine.who_can("User", "read", DOC)) == ["ada", "bob", "zoe"]


def test_policies_of_cedar_are_searched_without_a_schema():
    engine = pdp.Engine.load_cedar(
        'permit (principal, action == Action::"read", resource) when { principal.level > 2 };',
        entities=[user("ada", 5), user("bob", 1)],
    )

    assert ids(engine.who_can("User", 'Action::"read"', DOC)) == ["ada"]
    assert ids(engine.actions(EntityRef("User", "ada"), DOC)) == ["read"]


@pytest.mark.parametrize("number", range(40))
def test_a_search_lists_whom_brute_force_finds(number):
    case, rng = cases.draw("search", number, 6), random.Random(number)
    engine = case.engine()
    now = world.moment(world.NOW)
    refs = sorted(node.ref for node in case.facts.nodes)

    for request in case.requests:
        asked = request if request.now is not None else request._replace(now=now)
        terms = {"context": asked.context, "session": asked.session, "now": asked.now, "entities": asked.entities}
        terms["handles"] = rng.choice([(), ("log", "tell", "keep")])

        def grants(tried, handles=frozenset(terms["handles"])):
            decision = engine.decide(*tried)
            return decision.outcome == "allow" and handles.issuperset(decision.unhandled)

        def search(ask, *question, terms=terms):
            return every(lambda **page: ask(*question, **terms, **page), rng.choice((1, 2, 100)))

        principal, action, resource = asked.principal, asked.action, asked.resource
        for kind in ("User", "Bot"):
            those = [ref for ref in refs if ref.type == kind and grants(asked._replace(principal=ref))]
            assert search(engine.who_can, kind, action, resource) == those
        for kind in ("Doc", "Folder"):
            those = [ref for ref in refs if ref.type == kind and grants(asked._replace(resource=ref))]
            assert search(engine.what_can, principal, action, kind) == those
        names = [name for name in sorted(engine.policy.schema.actions) if grants(asked._replace(action=name))]
        assert search(engine.actions, principal, resource) == names


# -------------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def crowd():
    return pdp.Engine.from_text(
        TEXT, entities=[*(user(f"u{at:03d}", at % 4) for at in range(200)), doc("d1", "u000")], handles=["log"]
    )


@pytest.fixture
def decided(crowd, monkeypatch):
    """Return what has been decided so far."""
    seen, answered = [], crowd._answered

    def see(world, request):
        seen.append(request)
        return answered(world, request)

    monkeypatch.setattr(crowd, "_answered", see)
    return seen


def test_a_page_decides_no_more_than_it_needs(crowd, decided):
    page = crowd.who_can("User", "read", DOC, limit=2)

    assert ids(page) == ["u000", "u003"]
    assert len(decided) == 4
    assert not page.is_last


def test_all_of_a_page_is_decided_at_one_instant(crowd, decided):
    crowd.who_can("User", "read", DOC)

    assert len({request.now for request in decided}) == 1
    assert decided[0].now is not None


@given(limit=st.integers(1, 60))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_any_size_come_to_the_same(crowd, limit):
    whole = crowd.who_can("User", "read", DOC).results

    assert tuple(every(lambda **page: crowd.who_can("User", "read", DOC, **page), limit)) == whole


def test_a_page_ends_after_so_many_candidates_though_nobody_was_found(crowd, monkeypatch):
    monkeypatch.setattr(search, "LOOKED", 50)

    page = crowd.who_can("User", "write", DOC, limit=5)
    after = crowd.who_can("User", "write", DOC, limit=5, token=page.next_token)

    assert (ids(page), ids(after)) == (["u000"], [])
    assert not after.is_last


@pytest.mark.parametrize("step", [0.5, float("nan")])
def test_a_page_that_takes_long_ends_and_the_next_goes_on(step):
    ticks = count()
    engine = pdp.Engine.from_text(
        TEXT,
        entities=[*(user(f"u{at:03d}", 3) for at in range(300)), doc("d1", "u000")],
        handles=["log"],
        clock=lambda: world.moment(world.NOW),
        monotonic=lambda: next(ticks) * step,
    )

    page = engine.who_can("User", "read", DOC, limit=300)

    # One decision more than it has time for, however long each of them takes.
    assert 0 < len(page.results) <= 3
    assert len(every(lambda **page: engine.who_can("User", "read", DOC, **page), 300)) == 300


# ------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"context": {"ip": "10.0.0.1"}}, "of another question"),
        ({"session": {"mfa": True}}, "of another question"),
        ({"handles": ["tell"]}, "of another question"),
        ({"entities": [pdp.Entity("User", "new", {"level": 1})]}, "of another question"),
        ({"token": "x"}, "is none"),
        ({"token": "é"}, "is none"),
        ({"token": "AAAA"}, "is none"),
        ({"token": 7}, "is none"),
        ({"limit": 0}, "a number from 1 to"),
        ({"limit": True}, "a number from 1 to"),
        ({"limit": 10_001}, "a number from 1 to"),
        ({"entities": 7}, "not a list"),
        ({"handles": "log"}, "a list of names"),
    ],
)
def test_what_is_no_page_of_the_search_says_so(engine, changed, said):
    first = engine.who_can("User", "read", DOC, limit=1)

    with pytest.raises(pdp.RequestError, match=said):
        engine.who_can("User", "read", DOC, **{"token": first.next_token, **changed})


@pytest.mark.parametrize(
    "other",
    [
        lambda engine, token: engine.who_can("User", "write", DOC, token=token),
        lambda engine, token: engine.who_can("User", "read", EntityRef("Doc", "d2"), token=token),
        lambda engine, token: engine.what_can(EntityRef("User", "ada"), "read", "Doc", token=token),
        lambda engine, token: engine.actions(EntityRef("User", "ada"), DOC, token=token),
    ],
)
def test_a_token_is_of_one_question(engine, other):
    token = engine.who_can("User", "read", DOC, limit=1).next_token

    with pytest.raises(pdp.RequestError, match="another question"):
        other(engine, token)


@pytest.mark.parametrize("pair", [(1, True), (1, 1.0), ("1", 1), (["a", "b"], ["ab"]), ({"a": 1}, {}), (None, "None")])
def test_values_that_python_may_take_for_one_another_are_of_two_questions(engine, pair):
    first = engine.who_can("User", "read", DOC, context={"x": pair[0]}, limit=1)

    with pytest.raises(pdp.RequestError, match="another question"):
        engine.who_can("User", "read", DOC, context={"x": pair[1]}, token=first.next_token)


@pytest.mark.parametrize("change", [lambda e: e.upsert_entity(user("new")), lambda e: e.replace_policy(other_policy())])
def test_a_token_is_of_one_state(engine, change):
    token = engine.who_can("User", "read", DOC, limit=1).next_token
    change(engine)

    with pytest.raises(pdp.RequestError, match="have changed since the page before"):
        engine.who_can("User", "read", DOC, token=token)


def other_policy():
    return pdp.Engine.from_text(TEXT.replace("> 2", "> 1")).policy


def test_a_type_of_which_each_id_is_one_has_no_list(engine):
    with pytest.raises(pdp.RequestError, match="there is no list of `Robot`"):
        engine.who_can("Robot", "ping", DOC)


@pytest.mark.parametrize("odd", [None, 7, "User", object()])
def test_what_is_no_entity_is_refused(engine, odd):
    with pytest.raises(pdp.RequestError, match="neither an entity nor a reference"):
        engine.who_can("User", "read", odd)
    with pytest.raises(pdp.RequestError):
        engine.who_can(odd if odd != "User" else 7, "read", DOC)


def test_what_is_nested_too_deep_is_refused(engine):
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(pdp.RequestError, match="cannot be told from others"):
        engine.who_can("User", "read", DOC, context={"x": deep})
