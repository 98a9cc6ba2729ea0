"""A worker starts its parts in their order, is ready once all are up, and ends in order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.errors import PolicyError, RecordError
from pdp_sidecar.config import Configuration, Flags, load
from pdp_sidecar.parts import Ground, records, reload
from pdp_sidecar.worker import AT_ONCE, PATIENCE, REFUSED, Ending, Worker, work
from tests.sidecar.scene import POLICY


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Configuration]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "pages.pdp").write_text(POLICY, "utf-8")

    def configured(text: str = "") -> Configuration:
        (tmp_path / "serve.toml").write_text('policies = "policies"\n' + text, "utf-8")
        return load(Flags(file=str(tmp_path / "serve.toml")), {})

    return configured


@pytest.fixture(autouse=True)
def logging_as_before() -> Any:
    import logging

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


class Scene:
    """Parts that tell what becomes of them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ready: list[bool] = []
        self.left: list[int] = []
        self.ending = Ending(self.left.append)

    def part(self, name: str, *, fails: bool = False, hangs: bool = False, absent: bool = False) -> Any:
        async def start(ground: Ground) -> Any:
            self.told.append(f"start {name}")
            self.ready.append(ground.readiness.ready)
            if absent:
                return None
            if fails:
                raise OSError(f"{name} cannot listen")
            return Part(self, name, ground, hangs=hangs)

        return start

    def end(self, ground: Ground) -> None:
        self.told.append("ready")
        self.ready.append(ground.readiness.ready)
        self.ending.ask()


class Part:
    def __init__(self, scene: Scene, name: str, ground: Ground, *, hangs: bool) -> None:
        self._scene, self._name, self._ground, self._hangs = scene, name, ground, hangs

    async def drain(self, seconds: float) -> None:
        self._scene.told.append(f"drain {self._name} within {seconds:g}")
        self._scene.ready.append(self._ground.readiness.ready)
        if self._hangs:
            await asyncio.Event().wait()


def run(worker: Worker, scene: Scene, *parts: Any, first: Any = ()) -> int:
    return asyncio.run(worker.run(scene.end, first=first, parts=parts, ending=scene.ending))


def test_parts_start_in_their_order_and_drain_before_what_came_first(configured):
    scene = Scene()

    status = run(Worker(configured()), scene, scene.part("a"), scene.part("b"), first=[scene.part("probes")])

    assert status == 0
    assert scene.told[:4] == ["start probes", "start a", "start b", "ready"]
    assert sorted(scene.told[4:6]) == ["drain a within 10", "drain b within 10"]
    assert scene.told[6:] == ["drain probes within 10"]


def test_a_worker_is_ready_when_all_is_up_and_no_longer_when_it_drains(configured):
    scene = Scene()

    run(Worker(configured()), scene, scene.part("a"))

    # At the start of the part, once all is up, and when the part drains.
    assert scene.ready == [False, True, False]


def test_what_the_configuration_has_none_of_is_not_drained(configured):
    scene = Scene()

    run(Worker(configured()), scene, scene.part("a", absent=True))

    assert scene.told == ["start a", "ready"]


def test_where_one_cannot_start_those_before_it_end(configured):
    scene = Scene()

    with pytest.raises(OSError, match="b cannot listen"):
        run(Worker(configured()), scene, scene.part("a"), scene.part("b", fails=True), scene.part("c"))
    assert scene.told == ["start a", "start b", "drain a within 10"]


def test_one_that_never_drains_keeps_nobody_waiting_for_ever(configured, monkeypatch):
    monkeypatch.setattr("pdp_sidecar.worker.PATIENCE", 0.01)
    scene = Scene()

    status = run(Worker(configured("[limits]\ndrain = 0")), scene, scene.part("a", hangs=True), scene.part("b"))

    assert status == 0
    assert PATIENCE > 0


def test_to_ask_twice_ends_it_at_once_and_leaves_no_socket(configured, tmp_path):
    scene = Scene()

    async def frames(ground: Ground) -> Any:
        ground.bound(ground.configuration.listeners[1]).close()
        return Part(scene, "frames", ground, hangs=False)

    def end(ground: Ground) -> None:
        assert (tmp_path / "pdp" / "pdp.sock").is_socket()
        scene.ending.ask()
        scene.ending.ask()
        assert not (tmp_path / "pdp" / "pdp.sock").exists()

    asyncio.run(Worker(configured()).run(end, first=(), parts=[frames], ending=scene.ending))

    assert scene.left == [AT_ONCE]


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_end(configured, name):
    scene = Scene()

    status = asyncio.run(
        Worker(configured()).run(lambda _: os.kill(os.getpid(), name), first=(), parts=(), ending=scene.ending)
    )

    assert (status, scene.left) == (0, [])


def test_hangup_has_the_policies_looked_at(configured, tmp_path):
    taken: list[str] = []
    worker = Worker(configured('[reload]\nwatch = false\nsettle = "1ms"'))
    ending = Ending()

    def announce(ground: Ground) -> None:
        (tmp_path / "policies" / "pages.pdp").write_text(POLICY + "\ntype More\n", "utf-8")
        worker.engine.listen(lambda: (taken.append(worker.engine.policy.revision), ending.ask()))
        os.kill(os.getpid(), signal.SIGHUP)

    before = worker.engine.policy.revision
    asyncio.run(worker.run(announce, first=(), parts=[reload], ending=ending))

    assert taken
    assert taken[-1] != before


def test_what_stays_is_kept_from_the_collector_while_it_runs(configured):
    scene, frozen = Scene(), []
    before = gc.get_freeze_count()

    async def look(ground: Ground) -> None:
        frozen.append(gc.get_freeze_count())

    run(Worker(configured()), scene, look)

    assert frozen[0] > before
    assert gc.get_freeze_count() == before


def test_policies_that_do_not_hold_up_are_told_before_anything_listens(configured, tmp_path):
    (tmp_path / "policies" / "bad.pdp").write_text("rule x: permit Usr to reed on Page", "utf-8")

    with pytest.raises(PolicyError) as caught:
        Worker(configured())
    assert len(caught.value.diagnostics) == 2


def test_a_record_that_is_not_there_is_told(configured):
    with pytest.raises(RecordError, match="there is no such record"):
        Worker(configured('[facts]\nrevocations = "r.db"'))


def test_ages_and_records_are_those_of_the_configuration(configured):
    worker = Worker(
        configured(
            '[facts]\nrevocations = "r.db"\ncreate = true\nmax_age = { revocations = "5s", policy = "1h" }\n'
            'when_stale.policy = "continue"'
        )
    )

    sources = worker.engine.sources
    worker.close()

    assert sources["revocations"].max_age is not None
    assert sources["revocations"].max_age.total_seconds() == 5
    assert sources["policy"].max_age is not None
    assert sources["policy"].max_age.total_seconds() == 3600
    assert sources["entities"].max_age is None


def test_what_others_put_on_record_holds_without_being_told(configured, tmp_path):
    worker = Worker(configured('[facts]\nrevocations = "r.db"\ncreate = true\nrefresh = 0.001'))
    ending, seen = Ending(), []

    def announce(ground: Ground) -> None:
        worker.engine.listen(lambda: (seen.append(worker.engine.sequence), ending.ask()))
        other = pdp.Engine.from_text(POLICY, revocations=pdp.RevocationLog(tmp_path / "r.db"))
        other.revoke(principal=pdp.ref("User", "ada"))

    asyncio.run(worker.run(announce, first=(), parts=[records], ending=ending))

    assert seen == [1]


def test_a_worker_that_is_refused_says_why(configured, tmp_path, capsys):
    configured()
    (tmp_path / "policies" / "more.pdp").write_text("rule broken: nope", "utf-8")

    class Told:
        settings = Flags(file=str(tmp_path / "serve.toml")).to_plain()

    status = asyncio.run(work(Told()))

    assert status == REFUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert '"event":"worker_refused"' in line and "found `nope`" in line
