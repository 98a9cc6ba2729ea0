"""A token counts when its issuer says so, and only then: whatever becomes of the question."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pdp.errors import RecordError, TokenError
from pdp.identity.revoking.breaker import FIRST, LONGEST, PATIENCE, Breaker
from pdp.identity.revoking.confirming import Confirmer
from pdp.identity.revoking.exchange import ExchangeError
from tests.identity.revoking.revoked import Noted

CLAIMS = {"iss": "https://id.example.org", "sub": "ada", "jti": "t-1"}


class Answering:
    """Says of each token what it is told to: yes, no, what to raise, or what to wait for."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[str] = []
        self.answers = list(answers)

    async def ask(self, token: str, claims: Any) -> Any:
        self.asked.append(token)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, BaseException):
            raise found
        if callable(found):
            return await found()
        return found

    async def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def confirming(clock: Clock) -> Any:
    made: list[Confirmer] = []

    def confirming(answering: Answering, **options: Any) -> Confirmer:
        given = {"keep": 5.0, "timeout": 2.0, "monotonic": clock} | options
        made.append(Confirmer(lambda: answering, **given))
        return made[-1]

    yield confirming
    for each in made:
        each.close()


def refused(confirmer: Confirmer, token: str = "a.b.c", claims: Any = CLAIMS) -> tuple[str, bool]:
    with pytest.raises(TokenError) as caught:
        confirmer.confirm(token, claims)
    assert token not in str(caught.value)
    return caught.value.code, caught.value.passing


def test_a_token_that_counts_is_asked_about_once_while_the_answer_is_kept(confirming, clock):
    answering = Answering(True)
    confirmer = confirming(answering)

    confirmer.confirm("a.b.c", CLAIMS)
    clock.now += 4.9
    confirmer.confirm("a.b.c", CLAIMS)
    clock.now += 0.2
    confirmer.confirm("a.b.c", CLAIMS)

    assert answering.asked == ["a.b.c", "a.b.c"]


def test_an_answer_is_kept_from_when_it_was_asked_for(confirming, clock):
    async def late() -> bool:
        clock.now += 4
        return True

    answering = Answering(late, True)
    confirmer = confirming(answering)

    confirmer.confirm("a.b.c", CLAIMS)
    clock.now += 2
    confirmer.confirm("a.b.c", CLAIMS)

    assert len(answering.asked) == 2


def test_another_token_is_another_question(confirming):
    answering = Answering(True, False)
    confirmer = confirming(answering)

    confirmer.confirm("a.b.c", CLAIMS)

    assert refused(confirmer, "a.b.d") == ("token_inactive", False)


def test_what_counts_no_longer_is_refused_and_revoked_once(confirming, clock):
    revoker, answering = Noted(), Answering(False)
    confirmer = confirming(answering, revoker=revoker)

    first = refused(confirmer)
    clock.now += 10
    second = refused(confirmer)

    assert first == second == ("token_inactive", False)
    assert revoker.told == [{"token": "t-1", "issuer": "https://id.example.org"}]
    assert len(answering.asked) == 2


@pytest.mark.parametrize("claims", [{"iss": "https://id.example.org"}, CLAIMS | {"jti": 7}, CLAIMS | {"jti": ""}])
def test_a_token_without_a_name_is_refused_and_nothing_is_revoked(confirming, claims):
    revoker = Noted()
    confirmer = confirming(Answering(False), revoker=revoker)

    assert refused(confirmer, claims=claims) == ("token_inactive", False)
    assert revoker.told == []


def test_where_it_cannot_be_revoked_it_is_refused_and_tried_again(confirming, clock):
    revoker = Noted()
    revoker.fails = RecordError("the disk is full")
    confirmer = confirming(Answering(False), revoker=revoker)

    first = refused(confirmer)
    problem = confirmer.problem
    revoker.fails, clock.now = None, clock.now + 10
    second = refused(confirmer)

    assert first == second == ("token_inactive", False)
    assert problem == "what counts no longer could not be revoked: RecordError"
    assert len(revoker.told) == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ExchangeError("there was no answer in time"), "there was no answer in time"),
        (OSError("a.b.c"), "nobody could be asked: OSError"),
        (MemoryError(), "nobody could be asked: MemoryError"),
    ],
)
def test_where_nobody_says_so_a_token_is_refused_for_now(confirming, answer, problem):
    confirmer = confirming(Answering(answer, True))

    first = refused(confirmer)
    told = confirmer.problem
    confirmer.confirm("a.b.c", CLAIMS)

    assert first == ("token_unconfirmed", True)
    assert told == problem
    assert confirmer.problem is None


@pytest.mark.parametrize("answer", [None, 1, "true", [True]])
def test_only_true_is_a_yes(confirming, answer):
    assert refused(confirming(Answering(answer)))[0] == "token_inactive"


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_it_may_take(confirming):
    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    # A second is added to it.
    confirmer = confirming(Answering(never), timeout=-0.95)

    assert refused(confirmer) == ("token_unconfirmed", True)
    with pytest.raises(TokenError) as caught:
        asyncio.run(confirmer.confirm_async("a.b.c", CLAIMS))
    assert caught.value.code == "token_unconfirmed"


def test_many_who_bring_one_token_ask_once(confirming):
    arrived, go = threading.Barrier(17), threading.Event()

    async def when_told() -> bool:
        await asyncio.to_thread(go.wait)
        return True

    answering = Answering(when_told)
    confirmer, done = confirming(answering), []

    def bring() -> None:
        arrived.wait()
        confirmer.confirm("a.b.c", CLAIMS)
        done.append(True)

    threads = [threading.Thread(target=bring) for _ in range(16)]
    for each in threads:
        each.start()
    arrived.wait()
    go.set()
    for each in threads:
        each.join()

    assert len(done) == 16
    assert answering.asked == ["a.b.c"]


def test_whoever_gives_up_takes_the_answer_from_nobody_else(confirming):
    async def test() -> None:
        go = threading.Event()

        async def when_told() -> bool:
            await asyncio.to_thread(go.wait)
            return True

        answering = Answering(when_told)
        confirmer = confirming(answering)
        first = asyncio.create_task(confirmer.confirm_async("a.b.c", CLAIMS))
        second = asyncio.create_task(confirmer.confirm_async("a.b.c", CLAIMS))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        await second
        assert first.cancelled()
        assert answering.asked == ["a.b.c"]

    asyncio.run(test())


def test_an_event_loop_goes_on_while_a_token_is_asked_about(confirming):
    async def test() -> list[str]:
        go, told = threading.Event(), []

        async def when_told() -> bool:
            await asyncio.to_thread(go.wait)
            return True

        confirmer = confirming(Answering(when_told))

        async def others() -> None:
            told.append("others")
            go.set()

        await asyncio.gather(confirmer.confirm_async("a.b.c", CLAIMS), others())
        return told

    assert asyncio.run(test()) == ["others"]


def test_whoever_comes_beyond_those_that_are_asked_about_is_refused(confirming):
    go, begun = threading.Event(), threading.Event()

    async def when_told() -> bool:
        begun.set()
        await asyncio.to_thread(go.wait)
        return True

    answering = Answering(when_told)
    confirmer = confirming(answering, waiting=1)
    thread = threading.Thread(target=lambda: confirmer.confirm("a.b.c", CLAIMS))
    thread.start()
    begun.wait()

    found = refused(confirmer, "a.b.d")
    go.set()
    thread.join()

    assert found == ("token_unconfirmed", True)
    assert answering.asked == ["a.b.c"]


def test_no_more_answers_are_kept_than_may_be(confirming):
    answering = Answering(True)
    confirmer = confirming(answering, kept=2)

    for token in ("a", "b", "c", "c", "b", "a"):
        confirmer.confirm(token, CLAIMS)

    assert answering.asked == ["a", "b", "c", "a"]


def test_whoever_does_not_answer_is_not_asked_for_each_token(confirming, clock):
    answering = Answering(ExchangeError("there was no answer in time"))
    confirmer = confirming(answering, breaker=Breaker(clock, lambda: 1.0))

    for number in range(100):
        assert refused(confirmer, f"a.b.{number}") == ("token_unconfirmed", True)
    before = len(answering.asked)
    clock.now += FIRST
    answering.answers = [True]
    confirmer.confirm("a.b.c", CLAIMS)
    confirmer.confirm("a.b.d", CLAIMS)

    assert before == PATIENCE


def test_pauses_grow_up_to_a_bound(clock):
    breaker = Breaker(clock, lambda: 1.0)
    for _ in range(PATIENCE):
        breaker.failed()

    pauses = []
    for _ in range(8):
        began = clock.now
        while not breaker.admits():
            clock.now += 0.5
        breaker.failed()
        pauses.append(clock.now - began)

    assert pauses == [FIRST, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST]


def test_a_clock_that_fails_lets_nothing_through():
    breaker = Breaker(lambda: float("nan"))
    for _ in range(PATIENCE):
        breaker.failed()

    assert not breaker.admits()


def test_a_child_that_was_forked_asks_by_itself(confirming):
    answering = Answering(True, False)
    confirmer = confirming(answering)
    confirmer.confirm("a.b.c", CLAIMS)

    pid = _fork(lambda: _code(confirmer) == "token_inactive")
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def _fork(work: Callable[[], bool]) -> int:
    import warnings

    with warnings.catch_warnings():
        # Later versions warn of forks where there are threads: that is what this is about.
        warnings.simplefilter("ignore")
        pid = os.fork()
    if not pid:
        os._exit(0 if work() else 1)
    return pid


def _code(confirmer: Confirmer) -> str:
    try:
        confirmer.confirm("a.b.c", CLAIMS)
    except TokenError as error:
        return error.code
    return ""


def test_where_no_thread_can_begin_nobody_says_and_the_next_one_is_asked_again(confirming, monkeypatch):
    confirmer = confirming(Answering(True))

    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(TokenError) as caught:
            confirmer.confirm("a-token", CLAIMS)

    assert (caught.value.code, caught.value.passing) == ("token_unconfirmed", True)
    confirmer.confirm("a-token", CLAIMS)
