"""An engine that changes: what does not hold up changes nothing, and what does is there at once, for everybody."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp import world
from pdp.engine import Engine, store_of
from pdp.entities import Store
from pdp.errors import FactsError, PdpError, PolicyError, RequestError
from pdp.model import Decision, Entity, Membership, Outcome, Reason
from pdp.values import Datetime, EntityRef
from pdp.world import World
from tests.compiled.beside import checked
from tests.differential.comparing import Seen, exactly, interpreted

TEXT = """
type Team in Team
type User in Team {{ level: Int }}
type Page in Book {{ rank: Int }}
type Book
action read, write on Page by User
rule levels: permit User to read on Page when principal.level >= {level}
rule team: permit User in Team "staff" to read, write on Page
rule ranks: forbid User to write on Page when resource.rank > {level} because "it ranks too high"
"""
OTHER_SCHEMA = """
type User { level: String }
type Page
action read on Page by User
rule reads: permit User to read on Page
"""
ADA, BEN, EVE = (EntityRef("User", name) for name in ("ada", "ben", "eve"))
HOME, SHOP = EntityRef("Page", "home"), EntityRef("Page", "shop")
STAFF, CORE = EntityRef("Team", "staff"), EntityRef("Team", "core")
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def text(level: int = 3) -> str:
    return TEXT.format(level=level)


def entities() -> list[Entity]:
    return [
        Entity("Team", "staff"),
        Entity("Team", "core", {}, [STAFF]),
        Entity("Team", "away"),
        Entity("User", "ada", {"level": 5}),
        Entity("User", "ben", {"level": 1}, [CORE]),
        Entity("User", "eve", {"level": 1}),
        Entity("Page", "home", {"rank": 1}, [EntityRef("Book", "b")]),
        Entity("Page", "shop", {"rank": 9}),
    ]


QUESTIONS = [(who, action, what) for who in (ADA, BEN, EVE) for action in ("read", "write") for what in (HOME, SHOP)]


def all_answers(engine: Engine) -> list[Seen]:
    """Ask everything in each way; all ways have to agree."""
    found = []
    for who, action, what in QUESTIONS:
        decision = engine.decide(who, action, what, now=NOW)
        assert engine.allows(who, action, what, now=NOW) is bool(decision)
        found.append(exactly(decision))
    return found


def judged(engine: Engine, made: list[Entity], level: int = 3) -> list[Seen]:
    """Return what an interpreter says of the same world."""
    judge = Engine.from_text(text(level), entities=made, compiled=False)
    assert judge.policy.revision == engine.policy.revision
    return all_answers(judge)


@pytest.fixture(params=[True, False], ids=["compiled", "interpreted"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found = Engine.from_text(text(), entities=entities(), compiled=request.param)
    all_answers(found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.pdp").write_text(text(4))
    (tmp_path / "entities.json").write_text('{"entities": [{"type": "User", "id": "ada", "attributes": {"level": 4}}]}')
    return tmp_path


# ------------------------------------------------------------------------------------------- what does not hold up


def broken(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content)
    return folder


def raising() -> Iterator[Entity]:
    yield entities()[0]
    raise LookupError("the source is gone")


Change = Callable[[Engine, Path], None]
REFUSED: dict[str, tuple[Change, type[Exception]]] = {
    "a policy that does not parse": (
        lambda engine, folder: engine.replace_policy(broken(folder, "x.pdp", "rule rule rule")),
        PolicyError,
    ),
    "a policy that does not check": (
        lambda engine, folder: engine.replace_policy(broken(folder, "x.pdp", "rule x: permit Nobody to read on Page")),
        PolicyError,
    ),
    "a policy that is not there": (lambda engine, folder: engine.replace_policy(folder / "nowhere"), PolicyError),
    "a policy without room for an entity": (
        lambda engine, folder: engine.replace_policy(checked(OTHER_SCHEMA)),
        RequestError,
    ),
    "a number for a policy": (lambda engine, folder: engine.replace_policy(5), RequestError),  # type: ignore[arg-type]
    "nothing for a policy": (lambda engine, folder: engine.replace_policy(None), RequestError),  # type: ignore[arg-type]
    "bytes for a policy": (lambda engine, folder: engine.replace_policy(b"x"), RequestError),  # type: ignore[arg-type]
    "a folder with broken entities": (
        lambda engine, folder: engine.reload(
            broken(folder, "entities.json", '{"entities": [{"type": "Nobody", "id": "x"}]}')
        ),
        FactsError,
    ),
    "a folder with a dangling parent": (
        lambda engine, folder: engine.reload(
            broken(
                folder,
                "entities.json",
                '{"entities": [{"type": "User", "id": "z", "attributes": {"level": 1},'
                ' "in": [{"type": "Team", "id": "none"}]}]}',
            )
        ),
        FactsError,
    ),
    "a folder with a broken policy": (
        lambda engine, folder: engine.reload(broken(folder, "x.pdp", "type")),
        PolicyError,
    ),
    "a folder that is not there": (lambda engine, folder: engine.reload(folder / "nowhere"), PolicyError),
    "nothing for a folder": (lambda engine, folder: engine.reload(None), RequestError),  # type: ignore[arg-type]
    "entities of an unknown type": (
        lambda engine, folder: engine.replace_entities([*entities(), Entity("Nobody", "x")]),
        RequestError,
    ),
    "an entity twice": (
        lambda engine, folder: engine.replace_entities([*entities(), Entity("User", "ada", {"level": 9})]),
        RequestError,
    ),
    "a number for entities": (lambda engine, folder: engine.replace_entities(5), RequestError),  # type: ignore[arg-type]
    "numbers for entities": (lambda engine, folder: engine.replace_entities([5]), RequestError),  # type: ignore[list-item]
    "nothing for entities": (lambda engine, folder: engine.replace_entities(None), RequestError),  # type: ignore[arg-type]
    "a source that fails": (lambda engine, folder: engine.replace_entities(raising()), LookupError),
    "an entity of an unknown type": (lambda engine, folder: engine.upsert_entity(Entity("Nobody", "x")), RequestError),
    "an entity in what it cannot be in": (
        lambda engine, folder: engine.upsert_entity(Entity("User", "ada", {"level": 9}, [HOME])),
        RequestError,
    ),
    "an entity with a number for an id": (
        lambda engine, folder: engine.upsert_entity(Entity("User", 5, {"level": 9})),  # type: ignore[arg-type]
        RequestError,
    ),
    "an entity whose attributes are a list": (
        lambda engine, folder: engine.upsert_entity(Entity("User", "ada", [1])),  # type: ignore[arg-type]
        RequestError,
    ),
    "an entity with a text for an end": (
        lambda engine, folder: engine.upsert_entity(
            Entity("User", "ada", {"level": 9}, [Membership(STAFF, "2027-01-01")])  # type: ignore[arg-type]
        ),
        RequestError,
    ),
    "an entity in a team that is nowhere": (
        lambda engine, folder: engine.upsert_entity(Entity("User", "ada", {"level": 9}, [EntityRef("Team", "none")])),
        RequestError,
    ),
    "entities in a team that is nowhere": (
        lambda engine, folder: engine.replace_entities(entities()[1:]),
        RequestError,
    ),
    "a team that others are in": (lambda engine, folder: engine.remove_entity(STAFF), RequestError),
    "a number for an entity": (lambda engine, folder: engine.upsert_entity(5), RequestError),  # type: ignore[arg-type]
    "nothing for an entity": (lambda engine, folder: engine.upsert_entity(None), RequestError),  # type: ignore[arg-type]
    "an entity that is not there to be removed": (
        lambda engine, folder: engine.remove_entity(EntityRef("User", "nobody")),
        RequestError,
    ),
    "a text to be removed": (lambda engine, folder: engine.remove_entity('User "ada"'), RequestError),  # type: ignore[arg-type]
    "a tuple to be removed": (lambda engine, folder: engine.remove_entity(("User", "ada")), RequestError),  # type: ignore[arg-type]
    "numbers to be removed": (lambda engine, folder: engine.remove_entity(EntityRef(5, 5)), RequestError),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_hold_up_raises_and_changes_nothing(name: str, engine: Engine, folder: Path):
    change, error = REFUSED[name]
    before = all_answers(engine)

    with pytest.raises(error) as raised:
        change(engine, folder)

    assert raised.type is error
    assert all_answers(engine) == before == judged(engine, entities())
    # And the next change finds the way free.
    engine.upsert_entity(Entity("User", "ada", {"level": 0}))
    assert not engine.allows(ADA, "read", HOME)


def test_every_refusal_but_the_source_s_own_is_one_of_pdp():
    assert {error for _, error in REFUSED.values() if not issubclass(error, PdpError)} == {LookupError}


# ------------------------------------------------------------------------------------------------- what does hold up


def test_a_decision_names_the_revisions_that_it_was_made_in(engine: Engine):
    first = engine.decide(ADA, "read", HOME)
    engine.replace_policy(checked(text(9)))
    second = engine.decide(ADA, "read", HOME)
    engine.upsert_entity(Entity("User", "ada", {"level": 9}))
    third = engine.decide(ADA, "read", HOME)
    engine.replace_policy(checked(text(3)))
    engine.upsert_entity(entities()[3])
    last = engine.decide(ADA, "read", HOME)

    assert [bool(each) for each in (first, second, third, last)] == [True, False, True, True]
    assert first.revision != second.revision == third.revision == checked(text(9)).revision
    assert first.facts_revision == second.facts_revision != third.facts_revision
    # What is as it was has the name that it had.
    assert exactly(last) == exactly(first)


def test_a_reload_takes_policy_and_entities_at_once(engine: Engine, folder: Path):
    engine.reload(folder)

    assert engine.decide(BEN, "read", HOME).reason is Reason.UNKNOWN_ENTITY
    assert engine.policy.revision == engine.decide(ADA, "read", HOME).revision
    assert {each.revision for each in engine.decide_many([]) or [engine.decide(ADA, "read", HOME)]} != {
        checked(text()).revision
    }


def test_a_policy_from_a_folder_leaves_the_entities_as_they_are(engine: Engine, folder: Path):
    facts = engine.decide(ADA, "read", HOME).facts_revision

    engine.replace_policy(folder)

    assert engine.decide(ADA, "read", HOME).facts_revision == facts
    assert engine.decide(BEN, "write", HOME).determining_rules == ("team",)


def test_whoever_is_below_an_entity_that_moves_is_asked_about_anew(engine: Engine):
    assert engine.allows(BEN, "write", HOME)

    engine.upsert_entity(Entity("Team", "core"))
    moved = engine.decide(BEN, "write", HOME), engine.allows(BEN, "write", HOME)
    engine.upsert_entity(Entity("Team", "away", {}, [STAFF]))
    engine.upsert_entity(Entity("Team", "core", {}, [EntityRef("Team", "away")]))
    back = engine.decide(BEN, "write", HOME), engine.allows(BEN, "write", HOME)

    assert [bool(each) for each in (*moved, *back)] == [False, False, True, True]
    assert moved[0].reason is Reason.DEFAULT


def test_an_attribute_that_changes_is_seen_by_all_who_read_it(engine: Engine):
    assert engine.allows(BEN, "write", HOME)

    engine.upsert_entity(Entity("Page", "home", {"rank": 8}, [EntityRef("Book", "b")]))

    assert engine.decide(BEN, "write", HOME).determining_rules == ("ranks",)
    assert not engine.allows(BEN, "write", HOME)


def test_an_entity_that_is_removed_is_unknown_and_one_that_comes_back_is_known(engine: Engine):
    engine.remove_entity(ADA)
    gone = engine.decide(ADA, "read", HOME), engine.allows(ADA, "read", HOME)
    engine.upsert_entity(Entity("User", "ada", {"level": 5}))

    assert gone[0].reason is Reason.UNKNOWN_ENTITY
    assert gone[1] is False
    assert engine.allows(ADA, "read", HOME)


def test_a_team_is_removed_once_nobody_is_in_it(engine: Engine):
    # To be in a team that is gone would still count: so it does not go before its members have.
    with pytest.raises(RequestError, match='Team "core" is in Team "staff", which the engine does not hold'):
        engine.remove_entity(STAFF)
    engine.upsert_entity(Entity("Team", "core"))
    engine.remove_entity(STAFF)

    assert not engine.allows(BEN, "write", HOME)
    with pytest.raises(RequestError, match='User "eve" is in Team "staff"'):
        engine.upsert_entity(Entity("User", "eve", {"level": 1}, [STAFF]))
    assert not engine.allows(EVE, "write", HOME)


def test_a_parent_that_a_source_may_hold_is_none_of_the_engine_s_business():
    class Directory:
        def entity(self, ref: EntityRef) -> Entity | None:
            return Entity("Team", "remote", {}, [STAFF]) if ref == EntityRef("Team", "remote") else None

    engine = Engine.from_text(text(), entities=entities(), providers=[Directory()])

    engine.upsert_entity(Entity("User", "eve", {"level": 1}, [EntityRef("Team", "remote")]))

    assert engine.allows(EVE, "write", HOME)


def test_a_membership_with_an_end_counts_until_then(engine: Engine):
    end = NOW + timedelta(hours=1)
    engine.upsert_entity(Entity("User", "eve", {"level": 1}, [Membership(STAFF, Datetime.of(end))]))

    before = engine.decide(EVE, "write", HOME, now=end - timedelta(microseconds=1))
    after = engine.decide(EVE, "write", HOME, now=end)
    engine.upsert_entity(Entity("User", "eve", {"level": 1}, [STAFF]))
    for_good = engine.decide(EVE, "write", HOME, now=end)

    assert bool(before)
    assert before.valid_until == end
    assert after.outcome is Outcome.DENY
    assert bool(for_good)
    assert for_good.valid_until is None


def test_a_team_whose_own_membership_ends_bounds_those_below_it(engine: Engine):
    end = NOW + timedelta(hours=1)
    engine.upsert_entity(Entity("Team", "core", {}, [Membership(STAFF, Datetime.of(end))]))

    assert engine.decide(BEN, "write", HOME, now=NOW).valid_until == end
    assert engine.allows(BEN, "write", HOME, now=NOW)
    assert not engine.allows(BEN, "write", HOME, now=end)


def test_every_step_of_many_changes_is_answered_as_the_interpreter_answers_it():
    engine, held = Engine.from_text(text(), entities=entities()), {each.ref: each for each in entities()}
    steps = [
        Entity("User", "ada", {"level": 0}, [CORE]),
        Entity("Team", "core", {}, [EntityRef("Team", "away")]),
        Entity("Team", "away", {}, [STAFF]),
        Entity("Team", "staff", {}, [CORE]),
        EVE,
        Entity("User", "eve", {"level": 3}),
        Entity("User", "ada", {"level": "much"}),
        Entity("User", "ben", {}),
        Entity("Page", "shop", {"rank": 1}),
        Entity("Team", "staff"),
        Entity("Team", "away"),
        Entity("Team", "core"),
        STAFF,
    ]

    for step in steps:
        if isinstance(step, EntityRef):
            engine.remove_entity(step)
            del held[step]
        else:
            engine.upsert_entity(step)
            held[step.ref] = step

        assert all_answers(engine) == judged(engine, list(held.values())), step


def test_a_store_that_was_made_elsewhere_is_held_as_it_is(engine: Engine):
    store = store_of(entities()[:4], engine.policy.schema)

    engine.replace_entities(store)
    assert engine.decide(BEN, "read", HOME).reason is Reason.UNKNOWN_ENTITY
    engine.replace_entities(Store.empty())
    assert engine.decide(ADA, "read", HOME).reason is Reason.UNKNOWN_ENTITY


@pytest.mark.usefixtures("compiled_rules")
def test_a_changed_engine_answers_by_compiled_rules_again():
    engine = Engine.from_text(text(), entities=entities())
    engine.upsert_entity(Entity("User", "ada", {"level": 4}))
    engine.replace_policy(checked(text(2)))

    with interpreted() as asked:
        all_answers(engine)

    assert asked == []


# ------------------------------------------------------------------------------------------------- forks and tasks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_decides_and_changes_and_its_parent_does_not_notice(engine: Engine):
    before = all_answers(engine)

    def child() -> bool:
        asked = all_answers(engine) == before
        engine.upsert_entity(Entity("User", "ada", {"level": 0}))
        engine.replace_policy(checked(text(1)))
        return asked and not engine.allows(ADA, "read", HOME) and engine.allows(EVE, "read", HOME)

    assert in_a_child(child)
    assert all_answers(engine) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_that_was_forked_in_the_middle_of_a_change_can_change_as_well(engine: Engine):
    inside, go_on = threading.Event(), threading.Event()

    class Slow(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            inside.set()
            assert go_on.wait(60)
            return super().__getitem__(name)

    writer = threading.Thread(target=engine.upsert_entity, args=(Entity("User", "ada", Slow(level=0)),))
    writer.start()
    try:
        assert inside.wait(60)

        def child() -> bool:
            signal.alarm(20)
            engine.upsert_entity(Entity("User", "ben", {"level": 9}))
            return engine.allows(BEN, "read", HOME) and engine.allows(ADA, "read", HOME)

        assert in_a_child(child)
    finally:
        go_on.set()
        writer.join(60)
    assert not engine.allows(ADA, "read", HOME)


def in_a_child(work: Callable[[], bool]) -> bool:
    """Do something in a child, and tell whether it came out well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def test_tasks_that_ask_and_change_get_answers_of_one_world():
    engine = Engine.from_text(text(), entities=entities())
    right = {}
    for level in (3, 4):
        right[engine.policy.revision] = all_answers(engine)
        engine.replace_policy(checked(text(7 - level)))
    policies = [checked(text(3)), checked(text(4))]

    async def ask(turn: int) -> None:
        for number, (who, action, what) in enumerate(QUESTIONS):
            found = engine.decide(who, action, what, now=NOW)
            assert exactly(found) == right[found.revision][number]
            if number % 3 == 0:
                await asyncio.sleep(0)
            if number == turn % len(QUESTIONS):
                engine.replace_policy(policies[turn % 2])

    async def main() -> None:
        await asyncio.gather(*(ask(turn) for turn in range(50)))

    asyncio.run(main())


# ---------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize("rules", [1, 40])
def test_thirty_two_threads_that_ask_the_first_question_of_a_cell_at_once_get_one_answer(rules: int):
    many = "".join(
        f"rule many{number}: permit User to read on Page\n"
        f"  when resource.rank == {number} and principal.level > {number}\n"
        for number in range(rules)
    )
    for _ in range(5):
        engine = Engine.from_text(text() + many, entities=entities())
        judge = Engine.from_text(text() + many, entities=entities(), compiled=False)
        barrier, found = threading.Barrier(32), []

        def ask(engine: Engine = engine, barrier: threading.Barrier = barrier, found: list[Any] = found) -> None:
            barrier.wait(60)
            decision = engine.decide(ADA, "read", HOME, now=NOW)
            found.append((exactly(decision), engine.allows(ADA, "read", HOME, now=NOW)))

        threads = [threading.Thread(target=ask) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert found == [(exactly(judge.decide(ADA, "read", HOME, now=NOW)), True)] * 32


def test_readers_do_not_wait_for_a_change_that_is_under_way(engine: Engine):
    inside, go_on, before = threading.Event(), threading.Event(), all_answers(engine)

    class Slow(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            inside.set()
            assert go_on.wait(60)
            return super().__getitem__(name)

    writer = threading.Thread(target=engine.upsert_entity, args=(Entity("User", "ada", Slow(level=0)),))
    writer.start()
    try:
        assert inside.wait(60)
        # In a thread of its own: one that waited would not come back.
        asked: list[list[Seen]] = []
        reader = threading.Thread(target=lambda: asked.append(all_answers(engine)))
        reader.start()
        reader.join(60)
        assert asked == [before]
    finally:
        go_on.set()
        writer.join(60)
    assert not engine.allows(ADA, "read", HOME)


def test_a_source_of_entities_may_change_the_engine_while_it_is_read(engine: Engine):
    def source() -> Iterator[Entity]:
        engine.upsert_entity(Entity("User", "new", {"level": 9}))
        assert engine.allows(EntityRef("User", "new"), "read", HOME)
        yield from entities()

    done = threading.Thread(target=engine.replace_entities, args=(source(),), daemon=True)
    done.start()
    done.join(60)

    assert not done.is_alive()
    assert engine.decide(EntityRef("User", "new"), "read", HOME).reason is Reason.UNKNOWN_ENTITY


# ----------------------------------------------------------------------------------------------------------- memory


def worlds() -> int:
    gc.collect()
    return sum(type(each) is World for each in gc.get_objects())


def test_a_world_that_is_left_is_freed_however_often_it_was_asked():
    policy = checked(text())
    engine = Engine(policy, store_of(entities(), policy.schema))
    all_answers(engine)
    gone, before = weakref.ref(policy), worlds()
    del policy

    for turn in range(20):
        engine.replace_policy(checked(text(turn % 5)))
        engine.upsert_entity(Entity("User", "ada", {"level": turn}))
        all_answers(engine)

    assert worlds() == before
    assert gone() is None


def test_an_engine_that_nobody_holds_is_freed():
    engine = Engine.from_text(text(), entities=entities())
    all_answers(engine)
    gone, policy = weakref.ref(engine), weakref.ref(engine.policy)

    del engine
    gc.collect()

    assert gone() is None
    assert policy() is None


def test_a_decision_that_is_kept_keeps_its_meaning_and_not_its_world(engine: Engine):
    kept: list[Decision] = [engine.decide(who, action, what, now=NOW) for who, action, what in QUESTIONS]
    before, revision = [exactly(each) for each in kept], engine.policy.revision
    policy = weakref.ref(engine.policy)

    engine.replace_policy(checked(text(0)))
    engine.replace_entities([])
    all_answers(engine)
    gc.collect()

    assert [exactly(each) for each in kept] == before
    assert {each.revision for each in kept} == {revision}
    assert policy() is None


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["ask", "change", "move"]), st.integers(0, 3), st.integers(0, 2)), max_size=40
    ),
    stale=st.sampled_from([0, 1, 1000]),
)
def test_what_is_taken_over_from_a_world_before_is_what_its_entities_are(steps: list[tuple[str, int, int]], stale: int):
    text = (
        "type Team in Team\ntype User in Team { level: Int }\ntype Page\naction read on Page by User\n"
        'rule r: permit User to read on Page\n  when principal.level == 1 or principal in Team "t0"\n'
    )
    users = {number: Entity("User", f"u{number}", {"level": 0}) for number in range(4)}
    teams = [Entity("Team", f"t{number}") for number in range(3)]
    pages = [Entity("Page", "p")]
    engine = Engine.from_text(text, entities=[*users.values(), *teams, *pages])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "_STALE", stale)
        for what, number, value in steps:
            if what == "ask":
                store = store_of([*users.values(), *teams, *pages], engine.policy.schema)
                judge = Engine(engine.policy, store, compiled=False)
                question = EntityRef("User", f"u{number}"), "read", EntityRef("Page", "p")
                assert engine.allows(*question) is judge.allows(*question)
            elif what == "change":
                parent = [Membership(EntityRef("Team", f"t{value}"))]
                users[number] = Entity("User", f"u{number}", {"level": value}, parent)
                engine.upsert_entity(users[number])
            else:
                # Whoever is in this team is in another from now on.
                teams[2] = Entity("Team", "t2", {}, [Membership(EntityRef("Team", f"t{value % 2}"))])
                engine.upsert_entity(teams[2])
