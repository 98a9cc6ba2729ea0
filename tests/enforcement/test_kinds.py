"""Coroutines and generators are begun only where that is allowed, and behave as they did; no task acts for another."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from enforcement.scene import ADA, BEN, DOC, engine

import pdp

ENGINE = engine()
read = pdp.guard("read", resource=DOC, engine=ENGINE)
CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.clear()


@read
async def coroutine(word: str = "x") -> str:
    CALLS.append("begun")
    await asyncio.sleep(0)
    return word


@read
def generator(word: str = "x") -> Iterator[str]:
    CALLS.append("begun")
    try:
        got = yield word
        yield f"got {got}"
    except ValueError:
        yield "caught"
    finally:
        CALLS.append("closed")
    return "returned"


@read
async def stream(word: str = "x") -> AsyncIterator[Any]:
    CALLS.append("begun")
    try:
        got = yield word
        yield f"got {got}"
    except ValueError:
        yield "caught"
    finally:
        await asyncio.sleep(0)
        CALLS.append("closed")


def test_the_kind_of_a_function_stays() -> None:
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(stream)
    assert str(inspect.signature(coroutine)) == "(word: 'str' = 'x') -> 'str'"


# ------------------------------------------------------------------------------------------------------ coroutines


def test_a_coroutine_that_is_allowed_returns() -> None:
    with pdp.acting(ADA):
        assert asyncio.run(coroutine("y")) == "y"


def test_a_coroutine_that_is_denied_is_not_begun() -> None:
    with pdp.acting(BEN), pytest.raises(pdp.Denied):
        asyncio.run(coroutine())

    assert CALLS == []


def test_a_coroutine_acts_for_who_awaits_it_not_for_who_made_it() -> None:
    with pdp.acting(ADA):
        made = coroutine()

    with pytest.raises(pdp.Denied):
        asyncio.run(made)

    assert CALLS == []


def test_a_task_acts_for_who_began_it() -> None:
    async def main() -> str:
        with pdp.acting(ADA):
            task = asyncio.create_task(coroutine())
        with pdp.acting(BEN):
            return await task

    assert asyncio.run(main()) == "x"


def test_facts_may_be_awaited_before_a_coroutine() -> None:
    async def find(word: str) -> pdp.EntityRef:
        await asyncio.sleep(0)
        return pdp.ref("Doc", word)

    @pdp.guard("read", resource=find, principal=find_ada, engine=ENGINE)
    async def run(word: str) -> str:
        return word

    assert asyncio.run(run("y")) == "y"


async def find_ada() -> pdp.EntityRef:
    await asyncio.sleep(0)
    return ADA


@pytest.mark.parametrize("error", [ValueError, StopAsyncIteration, StopIteration, MemoryError, TimeoutError])
def test_an_exception_in_what_is_awaited_is_a_denial(error: type[Exception]) -> None:
    async def find() -> pdp.EntityRef:
        await asyncio.sleep(0)
        raise error

    @pdp.guard("read", resource=find, principal=ADA, engine=ENGINE)
    async def run() -> None:
        CALLS.append("begun")

    with pytest.raises(pdp.Denied):
        asyncio.run(run())

    assert CALLS == []


def test_a_task_that_is_cancelled_while_a_fact_is_looked_for_begins_nothing() -> None:
    async def main() -> None:
        reached = asyncio.Event()

        async def find() -> pdp.EntityRef:
            reached.set()
            await asyncio.Event().wait()
            return DOC

        @pdp.guard("read", resource=find, principal=ADA, engine=ENGINE)
        async def run() -> None:
            CALLS.append("begun")

        task = asyncio.create_task(run())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())

    assert CALLS == []


def test_a_task_that_is_cancelled_while_an_obligation_is_fulfilled_begins_nothing() -> None:
    async def main() -> None:
        reached = asyncio.Event()

        async def wait(*_: Any) -> None:
            reached.set()
            await asyncio.Event().wait()

        @pdp.guard("write", resource=DOC, principal=ADA, engine=ENGINE, handlers={"log": wait, "tell": wait})
        async def run() -> None:
            CALLS.append("begun")

        task = asyncio.create_task(run())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert CALLS == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_an_interruption_before_a_coroutine_goes_through(interruption: type[BaseException]) -> None:
    async def find() -> pdp.EntityRef:
        raise interruption

    @pdp.guard("read", resource=find, principal=ADA, engine=ENGINE)
    async def run() -> None:
        CALLS.append("begun")

    with pytest.raises(interruption):
        at_once(run())

    assert CALLS == []


def at_once(made: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine without a loop, which would make something else of an interruption."""
    made.send(None)


# ------------------------------------------------------------------------------------------------------ generators


def test_a_generator_asks_when_its_first_item_is_asked_for() -> None:
    items = generator()

    with pytest.raises(pdp.Denied):
        next(items)

    assert CALLS == []


def test_a_generator_that_was_denied_gives_nothing_later() -> None:
    items = generator()

    with pytest.raises(pdp.Denied):
        next(items)
    with pdp.acting(ADA):
        assert [*items] == []

    assert CALLS == []


def test_a_generator_goes_on_as_it_was_begun() -> None:
    with pdp.acting(ADA):
        items = generator()
        assert next(items) == "x"

    assert items.send("z") == "got z"  # type: ignore[attr-defined]
    assert [*items] == []
    assert CALLS == ["begun", "closed"]


def test_a_generator_takes_exceptions_ends_and_results() -> None:
    def outer() -> Iterator[str]:
        assert (yield from generator()) == "returned"  # type: ignore[func-returns-value]

    with pdp.acting(ADA):
        thrown = generator()
        next(thrown)
        assert thrown.throw(ValueError) == "caught"  # type: ignore[attr-defined]
        closed = generator()
        next(closed)
        closed.close()  # type: ignore[attr-defined]
        assert [*outer()] == ["x", "got None"]

    assert CALLS.count("closed") == 2


def test_a_context_manager_of_a_guarded_generator_denies_its_block() -> None:
    @contextmanager
    @read
    def block() -> Iterator[None]:
        yield

    with pytest.raises(pdp.Denied), block():
        CALLS.append("within")
    with pdp.acting(ADA), block():
        CALLS.append("allowed")

    assert CALLS == ["allowed"]


def test_an_asynchronous_generator_asks_when_its_first_item_is_asked_for() -> None:
    async def main() -> None:
        with pdp.acting(ADA):
            items = stream()
        with pytest.raises(pdp.Denied):
            await anext(items)
        assert [item async for item in items] == []

    asyncio.run(main())

    assert CALLS == []


def test_an_asynchronous_generator_takes_items_exceptions_and_its_end() -> None:
    async def main() -> None:
        sent, thrown, closed = stream(), stream(), stream()
        assert [await anext(each) for each in (sent, thrown, closed)] == ["x"] * 3
        assert await sent.asend("z") == "got z"  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await anext(sent)
        assert await thrown.athrow(ValueError) == "caught"  # type: ignore[attr-defined]
        with pytest.raises(ZeroDivisionError):
            await thrown.athrow(ZeroDivisionError)  # type: ignore[attr-defined]
        await closed.aclose()  # type: ignore[attr-defined]

    with pdp.acting(ADA):
        asyncio.run(main())

    assert CALLS == ["begun"] * 3 + ["closed"] * 3


def test_an_asynchronous_context_manager_denies_its_block() -> None:
    @asynccontextmanager
    @read
    async def block() -> AsyncIterator[None]:
        yield

    async def main() -> None:
        with pytest.raises(pdp.Denied):
            async with block():
                CALLS.append("within")
        with pdp.acting(ADA):
            async with block():
                CALLS.append("allowed")

    asyncio.run(main())

    assert CALLS == ["allowed"]


# ---------------------------------------------------------------------------------------- who acts, and who does not


@read
def who_reads() -> str:
    return "read"


def test_a_thread_that_begins_anew_acts_for_nobody() -> None:
    denied: list[pdp.Denied] = []

    def run() -> None:
        try:
            who_reads()
        except pdp.Denied as error:
            denied.append(error)

    with pdp.acting(ADA):
        # A context of its own, which a thread has in any case where the interpreter does not hand on that of its maker.
        thread = threading.Thread(target=contextvars.Context().run, args=(run,))
        thread.start()
        thread.join()

    assert len(denied) == 1


def test_the_threads_of_a_pool_act_for_whom_each_job_names() -> None:
    turn = threading.Barrier(4)

    def job(principal: pdp.EntityRef) -> bool:
        with pdp.acting(principal):
            for _ in range(50):
                turn.wait(10)
                try:
                    who_reads()
                except pdp.Denied:
                    if principal is ADA:
                        return False
                else:
                    if principal is BEN:
                        return False
        return True

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(job, [ADA, BEN, ADA, BEN])]

    assert found == [True] * 4


def test_tasks_that_take_turns_act_each_for_their_own() -> None:
    @read
    async def run() -> None:
        await asyncio.sleep(0)

    async def job(principal: pdp.EntityRef) -> set[bool]:
        found = set()
        with pdp.acting(principal):
            for _ in range(50):
                await asyncio.sleep(0)
                try:
                    await run()
                except pdp.Denied:
                    found.add(False)
                else:
                    found.add(True)
        return found

    async def main() -> list[set[bool]]:
        return await asyncio.gather(*(job(principal) for principal in (ADA, BEN) * 10))

    assert asyncio.run(main()) == [{True}, {False}] * 10


def test_what_a_task_names_does_not_reach_who_began_it() -> None:
    async def name() -> None:
        pdp.acting(ADA).__enter__()

    async def main() -> None:
        await asyncio.create_task(name())
        who_reads()

    with pytest.raises(pdp.Denied):
        asyncio.run(main())
