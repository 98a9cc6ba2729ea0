"""Whether a sidecar is ready, and what it says is wrong."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import pdp
from pdp.errors import RecordError
from pdp.model import Mark, Revocation
from pdp_sidecar.reloading import Reloaded
from pdp_sidecar.service import Service
from pdp_sidecar.status import Others, Readiness
from tests.sidecar.scene import engine

AT = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)


class Reloads:
    def __init__(self, *problems: str, late: bool = False) -> None:
        self.last: Reloaded | None = Reloaded(at=AT, taken=not problems, revision="r1", detail="".join(problems))
        self.problems, self.is_late = problems, late


class Broken:
    """A record of revocations that cannot be read."""

    def read(self, mark: Mark) -> tuple[list[Revocation], Mark]:
        raise RecordError("the disk is gone")

    def publish(self, fact: Revocation) -> int:
        raise RecordError("the disk is gone")


def readiness(found: pdp.Engine | None = None, **given: Any) -> Readiness:
    return Readiness(Service(found or engine()), **{"waiting": set(), **given})


def test_what_is_up_is_ready() -> None:
    told = readiness().status()

    assert told.ready and told.problems == () and told.workers == 1
    assert {str(each.state) for each in told.sources.values()} == {"loaded"}


def test_it_is_not_ready_before_somebody_says_what_is_up() -> None:
    found = Readiness(Service(engine()))

    before = found.status()
    found.waiting.discard("listeners")

    assert (before.ready, before.problems, found.ready) == (False, ("the listeners are not up yet",), True)


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"draining": True}, "it is ending"),
        ({"reloads": Reloads("the policies on disk are not taken", late=True)}, "the policies on disk are not taken"),
        ({"found": engine(revocations=Broken())}, "revocations: the disk is gone"),
    ],
)
def test_it_is_not_ready_when_it_ends_or_what_it_needs_fails(given: dict[str, Any], problem: str) -> None:
    told = readiness(**given).status()

    assert (told.ready, told.problems) == (False, (problem,))


def test_a_reload_that_fails_is_told_while_it_stays_ready() -> None:
    told = readiness(reloads=Reloads("the policies on disk are not taken")).status()

    assert (told.ready, told.problems) == (True, ("the policies on disk are not taken",))


def test_a_source_that_is_old_is_told() -> None:
    now = [0.0]
    old = engine(
        max_age={"entities": datetime.timedelta(seconds=1)},
        when_stale={"entities": "continue"},
        monotonic=lambda: now[0],
        clock=lambda: AT,
    )
    found = readiness(old)
    now[0] = 2.0

    told = found.status()

    assert told.ready and told.problems == ("entities: `entities` was last confirmed 2s ago, and may be 1s old",)


def test_where_nobody_can_tell_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    found = readiness()
    monkeypatch.setattr(pdp.Engine, "sources", property(lambda self: 1 / 0))

    told = found.status()

    assert (told.ready, told.problems) == (False, ("nobody can tell how the sources are: ZeroDivisionError",))


def test_what_is_known_of_other_workers_is_told() -> None:
    told = readiness(others=lambda: Others(workers=4, problems=("worker 2 answers by another policy",))).status()

    assert told.ready and told.workers == 4 and told.problems == ("worker 2 answers by another policy",)


def test_all_of_it_is_told_as_plain_data() -> None:
    told = readiness(reloads=Reloads()).status()

    found = told.to_json()

    assert found["ready"] is True and found["revision"] == told.revision and found["epoch"] == told.epoch
    assert found["reload"] == {"at": "2026-11-23T09:00:00+00:00", "taken": True, "revision": "r1", "detail": ""}
    assert found["sources"]["policy"]["state"] == "loaded"
