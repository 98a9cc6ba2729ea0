"""Nothing is begun whose obligations nobody fulfils, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from enforcement.scene import ADA, BEN, DOC, Fixed, Log, engine, failing

import pdp

ENGINE = engine()
ORDER = ["log first", "log last", "tell"]


def guarded(log: Log, action: str = "write", **options: Any) -> Callable[..., str]:
    @pdp.guard(action, **{"resource": DOC, "principal": ADA, "engine": ENGINE, **options})
    def run(fails: bool = False) -> str:
        log.append("ran")
        if fails:
            raise LookupError("of the function")
        return "result"

    return run


def denial_of(call: Callable[..., Any], *args: Any) -> pdp.Denied:
    with pytest.raises(pdp.Denied) as caught:
        call(*args)
    return caught.value


def notes_of(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


# ------------------------------------------------------------------------------------------------------- unhandled


def test_an_obligation_without_a_handler_denies_before_anything_is_done() -> None:
    log = Log()
    run = guarded(log, handlers={"log": log.handler})

    denied = denial_of(run)

    assert log == []
    assert denied.decision.detail == "nobody fulfils the obligation `tell`"
    assert denied.overruled is not None
    assert denied.overruled.outcome is pdp.Outcome.ALLOW
    assert not denied.decision
    assert denied.decision.revision == denied.overruled.revision


def test_what_the_engine_was_told_is_handled_is_no_handler() -> None:
    log = Log()
    told = engine(handles=["log", "tell"])
    assert told.allows(ADA, "write", DOC)
    run = guarded(log, engine=told)

    denied = denial_of(run)

    assert log == []
    assert denied.overruled
    assert not denied.decision


def test_an_obligation_with_a_handler_needs_no_word_to_the_engine() -> None:
    log = Log()
    run = guarded(log, handlers={"log": log.handler, "tell": log.handler})

    assert run() == "result"


def test_an_obligation_that_the_policy_does_not_declare_is_looked_for_all_the_same() -> None:
    log = Log()
    strange = pdp.Decision(
        outcome=pdp.Outcome.ALLOW, reason=pdp.Reason.PERMITTED, obligations=(pdp.Obligation("wipe", {}),)
    )
    run = guarded(log, engine=Fixed(strange), handlers={"log": log.handler, "tell": log.handler})

    denial_of(run)

    assert log == []


def test_what_cannot_be_called_is_no_handler() -> None:
    for handlers in ({"log": None}, {"log": "print"}, {"log": pdp.Handler(None)}):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="the handler of `log` cannot be called"):
            pdp.Enforcer(ENGINE, handlers=handlers)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- before, after


def test_handlers_run_before_the_function_in_the_order_of_the_decision() -> None:
    log = Log()
    run = guarded(log, handlers={"tell": log.handler, "log": log.handler})

    run()

    assert log == [*ORDER, "ran"]


def test_a_handler_may_wait_for_the_end() -> None:
    log = Log()
    run = guarded(log, handlers={"log": pdp.Handler(log.handler, after=True), "tell": log.handler})

    assert run() == "result"

    assert log == ["tell", "ran", "log first", "log last"]


def test_a_handler_is_told_what_was_asked_and_decided() -> None:
    seen: list[Any] = []
    run = guarded(Log(), handlers={"log": lambda *told: seen.append(told), "tell": lambda *_: None})

    run()

    obligation, request, decision = seen[0]
    assert obligation == pdp.Obligation("log", {"note": "first"})
    assert request == pdp.Request(ADA, "write", DOC, {})
    assert decision.determining_rules == ("ada_writes",)


def test_a_handler_that_raises_denies() -> None:
    log = Log()
    run = guarded(log, handlers={"log": log.handler, "tell": failing})

    denied = denial_of(run)

    assert log == ["log first", "log last"]
    assert isinstance(denied.__cause__, OSError)
    assert denied.decision.detail == "the obligation `tell` is not fulfilled: OSError"


def test_an_interruption_in_a_handler_goes_through_and_begins_nothing() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    log = Log()
    run = guarded(log, handlers={"log": interrupt, "tell": log.handler})

    with pytest.raises(KeyboardInterrupt):
        run()

    assert log == []


def test_an_error_after_the_end_goes_to_the_caller_instead_of_the_result() -> None:
    log = Log()
    run = guarded(log, handlers={"log": pdp.Handler(failing, after=True), "tell": pdp.Handler(log.handler, after=True)})

    with pytest.raises(OSError, match="no space left") as caught:
        run()

    # The others are fulfilled all the same.
    assert log == ["ran", "tell"]
    assert notes_of(caught.value) == ["the obligation `log` is not fulfilled: OSError"]


def test_what_waits_for_the_end_is_done_where_the_function_fails() -> None:
    log = Log()
    run = guarded(log, handlers={"log": pdp.Handler(log.handler, after=True), "tell": pdp.Handler(failing, after=True)})

    with pytest.raises(LookupError, match="of the function") as caught:
        run(True)

    assert log == ["ran", "log first", "log last"]
    assert notes_of(caught.value) == ["the obligation `tell` is not fulfilled: OSError"]


def test_what_waits_for_the_end_has_to_have_a_handler_before_the_start() -> None:
    log = Log()
    run = guarded(log, handlers={"log": pdp.Handler(log.handler, after=True)})

    denial_of(run)

    assert log == []


# -------------------------------------------------------------------------------------------------- who handles what


def test_an_enforcer_keeps_handlers_for_all_its_guards() -> None:
    log = Log()
    enforcer = pdp.Enforcer(ENGINE, handlers={"log": log.handler, "tell": log.handler})

    @enforcer.guard("write", resource=DOC, principal=ADA)
    def run() -> str:
        return "result"

    assert run() == "result"
    assert log == ORDER


def test_an_enforcer_stands_for_the_engine_of_a_block() -> None:
    log = Log()
    run = guarded(log, engine=None)

    with pdp.acting(ADA, engine=pdp.Enforcer(ENGINE, handlers={"log": log.handler, "tell": log.handler})):
        run()

    assert log == [*ORDER, "ran"]


def test_handlers_of_a_guard_go_before_those_of_its_enforcer() -> None:
    log, other = Log(), Log()
    inner = pdp.Enforcer(ENGINE, handlers={"tell": other.handler, "log": other.handler})
    outer = pdp.Enforcer(inner, handlers={"tell": log.handler})
    run = guarded(log, engine=outer, handlers={"log": log.handler})

    run()

    assert log == [*ORDER, "ran"]
    assert other == []


def test_a_guard_with_an_engine_of_its_own_does_not_borrow_the_handlers_of_a_block() -> None:
    log = Log()
    run = guarded(log)

    with pdp.acting(ADA, engine=pdp.Enforcer(ENGINE, handlers={"log": log.handler, "tell": log.handler})):
        denial_of(run)

    assert log == []


# ------------------------------------------------------------------------------------------------------------ denies


def test_the_obligations_of_a_deny_are_fulfilled_too() -> None:
    log = Log()
    run = guarded(log, "shred", handlers={"tell": log.handler, "mark": pdp.Handler(log.handler, after=True)})

    denied = denial_of(run)

    assert log == ["mark", "tell"]
    assert notes_of(denied) == []


def test_an_error_on_the_way_of_a_deny_is_noted_and_it_stays_a_deny() -> None:
    log = Log()
    run = guarded(log, "shred", handlers={"mark": failing, "tell": log.handler})

    denied = denial_of(run)

    assert log == ["tell"]
    assert denied.reason is pdp.Reason.FORBIDDEN
    assert notes_of(denied) == ["the obligation `mark` is not fulfilled: OSError"]


def test_an_obligation_of_a_deny_that_nobody_fulfils_is_noted() -> None:
    log = Log()
    run = guarded(log, "shred", handlers={"tell": log.asynchronous})

    denied = denial_of(run)

    assert log == []
    assert notes_of(denied) == [
        "the obligation `mark` has no handler",
        "the obligation `tell` is not fulfilled: TypeError",
    ]


def test_a_handler_of_a_deny_that_raises_a_denial_changes_nothing() -> None:
    log = Log()

    def deny(*_: Any) -> None:
        raise pdp.Denied(pdp.Decision(outcome=pdp.Outcome.DENY, reason=pdp.Reason.DEFAULT))

    denied = denial_of(guarded(log, "shred", handlers={"mark": deny, "tell": deny}))

    assert denied.reason is pdp.Reason.FORBIDDEN


def test_a_deny_without_obligations_calls_no_handler() -> None:
    log = Log()

    denial_of(guarded(log, principal=BEN, handlers={"log": log.handler, "tell": log.handler}))

    assert log == []


# ------------------------------------------------------------------------------------------------------ asynchronous


def test_an_asynchronous_handler_before_a_function_that_does_not_wait_denies_before_anything_is_done() -> None:
    log = Log()
    for after in (False, True):
        handlers = {"log": log.handler, "tell": pdp.Handler(log.asynchronous, after=after)}
        denied = denial_of(guarded(log, handlers=handlers))
        assert denied.decision.detail == ("the handler of `tell` is asynchronous, and what it stands before is not")

    assert log == []


def test_a_handler_that_turns_out_to_be_asynchronous_denies() -> None:
    log = Log()
    hidden = lambda *told: log.asynchronous(*told)  # noqa: E731
    run = guarded(log, handlers={"log": log.handler, "tell": hidden})

    denied = denial_of(run)

    assert "ran" not in log
    assert isinstance(denied.__cause__, TypeError)


def test_a_handler_that_turns_out_to_be_asynchronous_after_the_end_withholds_the_result() -> None:
    log = Log()
    hidden = lambda *told: log.asynchronous(*told)  # noqa: E731
    run = guarded(log, handlers={"log": log.handler, "tell": pdp.Handler(hidden, after=True)})

    with pytest.raises(TypeError):
        run()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_coroutine_has_handlers_of_both_kinds(asynchronous: bool) -> None:
    log = Log()
    handler = log.asynchronous if asynchronous else log.handler

    @pdp.guard(
        "write",
        resource=DOC,
        principal=ADA,
        engine=ENGINE,
        handlers={"log": handler, "tell": pdp.Handler(handler, after=True)},
    )
    async def run(fails: bool) -> str:
        log.append("ran")
        if fails:
            raise LookupError
        return "result"

    assert asyncio.run(run(False)) == "result"
    with pytest.raises(LookupError):
        asyncio.run(run(True))

    assert log == ["log first", "log last", "ran", "tell"] * 2


def test_an_error_after_the_end_of_a_coroutine_goes_to_the_caller() -> None:
    @pdp.guard(
        "write",
        resource=DOC,
        principal=ADA,
        engine=ENGINE,
        handlers={"log": pdp.Handler(failing, after=True), "tell": Log().asynchronous},
    )
    async def run() -> str:
        return "result"

    with pytest.raises(OSError, match="no space left"):
        asyncio.run(run())


def test_what_waits_for_the_end_is_done_where_a_task_is_cancelled() -> None:
    log = Log()

    async def main() -> None:
        reached = asyncio.Event()

        @pdp.guard(
            "write",
            resource=DOC,
            principal=ADA,
            engine=ENGINE,
            handlers={"log": log.asynchronous, "tell": pdp.Handler(log.asynchronous, after=True)},
        )
        async def run() -> None:
            reached.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert log == ORDER


# -------------------------------------------------------------------------------------------------------- generators


def test_what_waits_for_the_end_of_a_generator_is_done_when_it_ends_or_is_closed() -> None:
    log = Log()
    handlers = {"log": log.handler, "tell": pdp.Handler(log.handler, after=True)}

    @pdp.guard("write", resource=DOC, principal=ADA, engine=ENGINE, handlers=handlers)
    def items() -> Iterator[int]:
        yield from (1, 2)

    assert [*items()] == [1, 2]
    assert log == ["log first", "log last", "tell"]
    log.clear()
    closed = items()
    next(closed)
    assert log == ["log first", "log last"]
    closed.close()  # type: ignore[attr-defined]
    assert log == ["log first", "log last", "tell"]


def test_what_waits_for_the_end_of_an_asynchronous_generator_is_done_when_it_ends_or_is_closed() -> None:
    log = Log()
    handlers = {"log": log.asynchronous, "tell": pdp.Handler(log.asynchronous, after=True)}

    @pdp.guard("write", resource=DOC, principal=ADA, engine=ENGINE, handlers=handlers)
    async def items() -> AsyncIterator[int]:
        for number in (1, 2):
            yield number

    async def main() -> None:
        assert [item async for item in items()] == [1, 2]
        assert log == ["log first", "log last", "tell"]
        closed = items()
        await anext(closed)
        await closed.aclose()  # type: ignore[attr-defined]
        assert log == ["log first", "log last", "tell"] * 2

    asyncio.run(main())


def test_an_error_after_a_generator_is_closed_goes_to_who_closes_it() -> None:
    handlers = {"log": pdp.Handler(failing, after=True), "tell": Log().handler}
    write = pdp.guard("write", resource=DOC, principal=ADA, engine=ENGINE, handlers=handlers)

    @write
    def items() -> Iterator[int]:
        yield 1

    @write
    async def stream() -> AsyncIterator[int]:
        yield 1

    async def close() -> None:
        made = stream()
        await anext(made)
        await made.aclose()  # type: ignore[attr-defined]

    made = items()
    next(made)

    with pytest.raises(OSError, match="no space left"):
        made.close()  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="no space left"):
        asyncio.run(close())


def test_an_error_after_the_end_of_a_generator_goes_to_the_caller() -> None:
    handlers = {"log": pdp.Handler(failing, after=True), "tell": Log().handler}

    @pdp.guard("write", resource=DOC, principal=ADA, engine=ENGINE, handlers=handlers)
    def items() -> Iterator[int]:
        yield 1

    made = items()

    assert next(made) == 1
    with pytest.raises(OSError, match="no space left"):
        next(made)
