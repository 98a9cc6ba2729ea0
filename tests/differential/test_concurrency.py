"""Many threads, tasks and processes ask one engine while its world changes: every answer is that of one world."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import warnings

import pytest

from pdp.engine import Engine
from pdp.model import Entity, Obligation, Outcome
from pdp.values import EntityRef
from tests.differential import torture
from tests.differential.comparing import decide, exactly
from tests.differential.torture import CHANGES, Arena

RELOADS = 300


def test_the_worlds_answer_differently():
    arena = Arena()
    for state in arena.states:
        arena.learn(state)

    assert len(arena.right) == 9
    for index in range(0, len(arena.requests), 5):
        answers = {answers[index][:8] for answers in arena.right.values()}
        assert len(answers) > 1, arena.requests[index]
    outcomes = {seen[0] for answers in arena.right.values() for seen in answers}
    assert outcomes == set(Outcome)


def test_an_answer_of_another_world_than_it_names_is_found():
    arena = Arena()
    for state in arena.states:
        arena.learn(state)
    found = arena.engine(0, 0).answer(arena.requests[0])

    class Mixed:
        """A decision that took the policy of one world and the entities of another."""

        def __getattr__(self, name: str) -> object:
            return (
                arena.engine(0, 1).answer(arena.requests[0]).facts_revision
                if name == "facts_revision"
                else getattr(found, name)
            )

    arena.check(0, found)
    assert arena.wrong == []
    arena.check(0, Mixed())  # type: ignore[arg-type]
    assert len(arena.wrong) == 1


def test_what_several_threads_show_at_once_is_shown_whole():
    shared = Obligation("mark", {name: {"of": [name]} for name in "abcdefgh"})
    expected, found = repr(shared), set()

    def show() -> None:
        found.update(repr(shared) for _ in range(2000))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=show) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)

    assert found == {expected}


def test_threads_get_what_is_right():
    arena = Arena()
    arena.learn(arena.states[0])
    engine = arena.engine()

    with arena.asking(engine, 8):
        for index, request in enumerate(arena.requests):
            arena.check(index, decide(engine, request))

    assert arena.wrong == []


def test_a_task_that_is_cancelled_leaves_the_engine_as_it_was():
    arena = Arena()
    arena.learn(arena.states[0])
    engine = arena.engine()

    async def ask(index: int) -> None:
        for turn in range(20):
            found = await asyncio.to_thread(decide, engine, arena.requests[(index + turn) % len(arena.requests)])
            arena.check((index + turn) % len(arena.requests), found)
            await asyncio.sleep(0)

    async def main() -> int:
        tasks = [asyncio.create_task(ask(index)) for index in range(40)]
        await asyncio.sleep(0)
        for index, task in enumerate(tasks):
            if index % 2:
                task.cancel()
                await asyncio.sleep(0)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(each, asyncio.CancelledError) for each in ended)

    cancelled = asyncio.run(main())

    assert cancelled == 20
    assert arena.wrong == []
    for index, request in enumerate(arena.requests):
        arena.check(index, decide(engine, request))
    assert arena.wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("asked_before", [True, False])
def test_children_that_were_forked_answer_as_their_parent(asked_before: bool):
    arena = Arena()
    arena.learn(arena.states[0])
    engine = arena.engine()
    if asked_before:
        for index, request in enumerate(arena.requests):
            arena.check(index, decide(engine, request))

    assert torture.fork(engine, arena, 50) == [0] * 50
    assert arena.wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_children_that_were_forked_while_threads_ask_answer_as_well():
    arena = Arena()
    arena.learn(arena.states[0])
    engine = arena.engine()

    with warnings.catch_warnings():
        # Python warns of forks beside threads: that nothing here holds a lock over one is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        with arena.asking(engine, 4):
            ended = torture.fork(engine, arena, 20)

    assert ended == [0] * 20
    assert arena.wrong == []


# --------------------------------------------------------------------------------------------------------- changes

if CHANGES:

    def test_each_answer_under_reloads_is_that_of_the_revisions_it_names():
        arena = torture.reload(RELOADS)

        assert arena.wrong == []
        assert arena.asked > RELOADS
        assert len(arena.worlds) > 5

    def test_thirty_two_threads_ask_while_entities_change():
        arena = Arena()
        for state in (*arena.states, *arena.steps()):
            arena.learn(state)
        engine = arena.engine()

        with arena.asking(engine, 32):
            for _ in range(10):
                for entity in arena.states[1]:
                    engine.upsert_entity(entity)
                    arena.let_ask()
                engine.replace_entities(arena.states[0])

        assert arena.wrong == []
        assert arena.asked > 100
        assert len(arena.worlds) > 3

    def test_changes_from_several_threads_are_all_there_in_the_end():
        arena = Arena()
        engine = arena.engine()

        def change(number: int) -> None:
            for turn in range(20):
                engine.upsert_entity(Entity("User", f"n{number}-{turn}", {"level": 0}))
                engine.replace_policy(arena.policies[turn % 3])

        threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        for number in range(8):
            for turn in range(20):
                asked = EntityRef("User", f"n{number}-{turn}")
                assert engine.decide(asked, "read", torture.PAGES[0], {"size": 0}).reason != "unknown_entity"

    def test_a_change_that_does_not_hold_up_changes_nothing_for_those_who_ask():
        arena = Arena()
        arena.learn(arena.states[0])
        engine = arena.engine()

        with arena.asking(engine, 4):
            for _ in range(50):
                with pytest.raises(Exception, match="Nothing"):
                    engine.upsert_entity(Entity("Nothing", "x"))
                with pytest.raises(Exception, match="Nothing"):
                    engine.replace_entities([*arena.states[1], Entity("Nothing", "x")])

        assert arena.wrong == []
        assert len(arena.worlds) == 1

    def test_a_decision_that_was_made_stays_what_it_was():
        arena = Arena()
        engine = arena.engine()
        made = [decide(engine, request) for request in arena.requests]
        before = [exactly(each) for each in made]

        engine.replace_policy(arena.policies[1])
        engine.replace_entities(arena.states[1])
        for request in arena.requests:
            decide(engine, request)

        assert [exactly(each) for each in made] == before
        assert isinstance(engine, Engine)
