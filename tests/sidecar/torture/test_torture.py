"""A second or two of each part of `make torture-sidecar`, and that what goes wrong there is told."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sidecar.torture import __main__ as command
from tests.sidecar.torture import breaches, overload, reloads, revocations, serving, world
from tests.sidecar.torture.board import Board


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few processes, and time enough: others run beside these. `make torture-sidecar` keeps the bounds."""
    monkeypatch.setattr(revocations, "CLIENTS", 2)
    monkeypatch.setattr(overload, "P99_MS", 2_000.0)
    monkeypatch.setattr(overload, "BACK_WITHIN", 10.0)


def test_what_is_too_much_is_refused_and_what_is_taken_is_answered_right_and_soon(tmp_path: Path) -> None:
    assert overload.wrongs(tmp_path, 0.5, factors=(10,)) == []


def test_every_client_denies_soon_after_a_revocation_is_acknowledged(tmp_path: Path) -> None:
    heard = revocations.measure(tmp_path, 30)

    assert heard.wrong == []
    assert len(heard.times) == 30 * revocations.CLIENTS
    assert heard.at(1.0) < revocations.LONGEST_MS


def test_clients_that_hear_nothing_allow_no_longer_than_they_may(tmp_path: Path) -> None:
    assert revocations.cut(tmp_path, "stopped") == []


def test_each_answer_is_the_one_of_the_revision_that_it_names(tmp_path: Path) -> None:
    assert reloads.wrongs(tmp_path, 200) == []


# ------------------------------------------------------------------------------------------------- what has to be seen


def judged(outcomes: Callable[[int], overload.Outcome], slow: float = 0.0) -> list[str]:
    async def call(number: int) -> tuple[overload.Outcome, str]:
        await asyncio.sleep(slow)
        return outcomes(number), "an allow"

    return asyncio.run(overload._judged("a protocol", call, 2, 0.05))


def test_a_load_of_which_nothing_is_refused_is_wrong() -> None:
    assert any("nothing was refused" in each for each in judged(lambda _: overload.Outcome.ANSWERED))


def test_a_load_with_a_wrong_answer_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "BACK_WITHIN", 0.01)

    found = judged(lambda number: overload.Outcome.WRONG if number == 7 else overload.Outcome.REFUSED)

    assert any("an allow" in each for each in found)
    assert any("nothing was answered" in each for each in found)
    assert any("until all is answered again" in each for each in found)


def test_an_answer_of_another_revision_is_wrong() -> None:
    first, second, _ = (policy.revision for policy in world.policies())
    seen = reloads.Seen()

    seen.take("", 0, True, first)
    seen.take("", 1, True, second)
    seen.take("", 1, False, first)
    assert seen.wrong == []

    seen.take("", 0, True, second)
    seen.take("", 0, False, "none")
    assert len(seen.wrong) == 2


def test_a_client_that_allows_too_late_is_told(tmp_path: Path) -> None:
    board = Board(tmp_path / "board", create=True)
    board.put(10.0, "allowed_at", 1)

    assert revocations._too_late(board, 9.9, "cut off") == ["client 1, cut off, allows 100 ms too late"]
    assert revocations._too_late(board, 10.0, "cut off") == []


def test_what_one_process_writes_on_the_board_another_reads(tmp_path: Path) -> None:
    written, read = Board(tmp_path / "board", create=True), Board(tmp_path / "board")

    written.put(7.5, "denied_at", 3)

    assert read.get("denied_at", 3) == 7.5
    assert read.get("denied_at", 2) == read.get("turn") == 0


def test_each_way_to_break_it_has_a_part_that_has_to_notice() -> None:
    assert [name for name, _ in command.sabotages()] == list(breaches.BREACHES) == list(breaches.SHOWS)


@pytest.mark.parametrize("name", breaches.BREACHES)
def test_each_way_to_break_it_breaks_something_that_is_there(name: str) -> None:
    with serving.broken(name):
        pass


@pytest.mark.parametrize(
    ("wrong", "status"),
    [(["the page: still allows"], 1), ([], 0), (["something else"], 0), (RuntimeError("it does not come up"), 0)],
)
def test_a_sabotage_that_nobody_notices_for_what_it_is_is_told(
    wrong: list[str] | Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def part(folder: Path) -> list[str]:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    monkeypatch.setattr(command, "sabotages", lambda: iter([("the epoch stays what it was", part)]))

    assert command._sabotaged() == status
