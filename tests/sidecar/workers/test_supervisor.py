"""Several workers: what is revoked in one holds in all when it is answered, whatever becomes of them."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import pdp
from pdp_sidecar.operations.exposition import Sums
from pdp_sidecar.workers.kept import Kept
from pdp_sidecar.workers.options import WorkersOptions
from pdp_sidecar.workers.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]
RUN = asyncio.run
WORK = "tests.sidecar.workers.work:work"


async def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


class Scene:
    """A supervisor, and the workers that it keeps."""

    def __init__(self, folder: Path, supervisor: Supervisor, count: int) -> None:
        self.folder, self.supervisor, self.count = folder, supervisor, count

    async def say(self, number: int, line: str) -> str:
        reader, writer = await asyncio.open_unix_connection(self.folder / f"{number}.sock")
        try:
            writer.write(f"{line}\n".encode())
            return (await asyncio.wait_for(reader.readline(), 10)).decode().strip()
        finally:
            writer.close()

    async def up(self) -> None:
        await eventually(lambda: self.supervisor.look() == (True, ()) and self.supervisor.workers == self.count)

    def worker(self, number: int) -> Kept:
        return self.supervisor._all()[number - 1]


def kept(folder: Path, work: Callable[[Scene], Awaitable[None]], count: int = 2, **options: float) -> int:
    """Run something beside workers that are up; return the exit status."""
    pdp.RevocationLog(folder / "record.db", create=True).close()

    async def run() -> int:
        given = WorkersOptions(count=count, backoff=0.01, **options)  # type: ignore[arg-type]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        supervisor = Supervisor(WORK, given, {"folder": str(folder)}, environment=environment)
        running = asyncio.create_task(supervisor.run())
        scene = Scene(folder, supervisor, count)
        try:
            await scene.up()
            await work(scene)
        finally:
            supervisor.stop(2.0)
            status = await asyncio.wait_for(running, 10)
        return status

    return RUN(run())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Callable[[Scene], Awaitable[None]]], None]]:
    """Workers that several tests speak to, none of which ends any: what runs something beside them."""
    scenes: queue.SimpleQueue[tuple[Scene, asyncio.AbstractEventLoop]] = queue.SimpleQueue()
    done = threading.Event()

    async def work(scene: Scene) -> None:
        scenes.put((scene, asyncio.get_running_loop()))
        await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=kept, args=(tmp_path_factory.mktemp("workers"), work))
    thread.start()
    try:
        scene, loop = scenes.get(timeout=30)
        yield lambda given: asyncio.run_coroutine_threadsafe(given(scene), loop).result(30)  # type: ignore[arg-type]
    finally:
        done.set()
        thread.join(30)


Shared = Callable[[Callable[[Scene], Awaitable[None]]], None]


def test_workers_that_revoke_at_once_do_not_wait_for_one_another(shared: Shared) -> None:
    async def work(scene: Scene) -> None:
        lines = [scene.say(1 + n % 2, f"revoke u{n}") for n in range(24)]
        answered = await asyncio.gather(*lines)

        assert set(answered) == {"(2, 0)"}

    shared(work)


def test_what_workers_have_counted_is_told_as_one(shared: Shared) -> None:
    async def work(scene: Scene) -> None:
        sums = Sums()
        for number in (1, 2, 2):
            assert await scene.say(number, "ask ada") == "True"

        told = sums.exposition(await scene.supervisor.told(), True, scene.supervisor.workers).decode()

        assert 'pdp_decisions_total{outcome="allow",protocol="lines",reason="permitted"} 3.0' in told
        assert "pdp_workers 2.0" in told

    shared(work)


def test_a_revocation_holds_in_every_worker_before_it_is_answered(shared: Shared) -> None:
    async def work(scene: Scene) -> None:
        before = [await scene.say(number, "ask ada") for number in (1, 2)]
        answered = await scene.say(1, "revoke ada")
        after = [await scene.say(number, "ask ada") for number in (1, 2)]

        assert (before, answered, after) == (["True"] * 2, "(2, 0)", ["False"] * 2)

    shared(work)


def test_each_worker_is_told_to_reload_and_of_the_others(shared: Shared) -> None:
    async def work(scene: Scene) -> None:
        scene.supervisor.reload()
        assert [await scene.say(number, "reloads") for number in (1, 2)] == ["1", "1"]
        assert await scene.say(1, "others") == "Others(workers=2, problems=())"

        await scene.say(2, "upsert")
        await eventually(lambda: scene.supervisor.others().problems != ())

        assert "workers answer by different entities: worker 1 by" in scene.supervisor.look()[1][0]
        assert "workers answer by different entities" in await scene.say(1, "others")

    shared(work)


def test_a_worker_that_is_stopped_is_ended_and_the_revocation_answered_in_time(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        pid = scene.worker(2).process.pid
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        answered = await scene.say(1, "revoke ada")
        took = time.monotonic() - began

        assert answered == "(1, 1)" and 0.3 <= took < 1.0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await scene.up()
        assert await scene.say(2, "ask ada") == "False"

    kept(tmp_path, work, revoke_within=0.3)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again_and_reads_the_record_first(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        pid = scene.worker(2).process.pid
        os.kill(pid, signal.SIGKILL)
        answered = await scene.say(1, "revoke ada")
        await eventually(lambda: scene.supervisor.restarts == 1)
        await scene.up()

        assert answered in ("(1, 0)", "(1, 1)")
        assert scene.supervisor.counts["worker_restarts"] == 1
        assert scene.worker(2).process.pid != pid
        assert [await scene.say(number, "ask ada") for number in (1, 2)] == ["False", "False"]

    kept(tmp_path, work)


@pytest.mark.slow
def test_whatever_becomes_of_workers_what_was_answered_is_revoked_in_all(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        chance, answered = random.Random(7), 0
        for number in range(4):
            asked, hurt = chance.sample((1, 2, 3), 2)
            os.kill(scene.worker(hurt).process.pid, chance.choice((signal.SIGKILL, signal.SIGSTOP)))
            lines = await asyncio.gather(*(scene.say(asked, f"revoke u{4 * number + each}") for each in range(4)))
            answered += sum(line.startswith("(") for line in lines)
            # Whoever is back has read it as well.
            await scene.up()
            for user in range(4 * number, 4 * number + 4):
                assert [await scene.say(each, f"ask u{user}") for each in (1, 2, 3)] == ["False"] * 3
            assert [await scene.say(each, "ask u29") for each in (1, 2, 3)] == ["True"] * 3

        assert answered == 16

    kept(tmp_path, work, count=3, revoke_within=0.3)


def test_a_worker_whose_supervisor_is_gone_ends_itself(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        worker = scene.worker(2)
        worker.channel.close()
        status = await asyncio.wait_for(worker.process.wait(), 5)

        assert status == 70

    kept(tmp_path, work)


@pytest.mark.slow
def test_a_worker_that_says_what_makes_no_sense_is_ended(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        worker = scene.worker(2)
        # Of all that it could be told, a worker takes this for nonsense.
        worker.channel._writer.write(b"\xff\xff\xff\xffgarbage")
        await asyncio.wait_for(worker.process.wait(), 5)
        await eventually(lambda: scene.supervisor.restarts == 1)
        await scene.up()

    kept(tmp_path, work)


@pytest.mark.slow
def test_a_worker_that_does_not_answer_is_started_again(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        os.kill(scene.worker(2).process.pid, signal.SIGSTOP)

        await eventually(lambda: scene.supervisor.restarts == 1)
        await scene.up()

    kept(tmp_path, work, beat=0.05, silent=0.2)


@pytest.mark.slow
def test_what_is_stopped_does_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pdp.RevocationLog(tmp_path / "record.db", create=True).close()
    code = (
        "import asyncio, sys\n"
        "from pdp_sidecar.workers.options import WorkersOptions\n"
        "from pdp_sidecar.workers.supervisor import Supervisor\n"
        f"asyncio.run(Supervisor({WORK!r}, WorkersOptions(count=1), {{'folder': sys.argv[1]}}).run())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    supervisor = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)

    async def run() -> int:
        scene = Scene(tmp_path, None, 1)  # type: ignore[arg-type]
        await eventually((tmp_path / "1.sock").exists)
        pid = int(await scene.say(1, "pid"))
        os.kill(pid, signal.SIGSTOP)
        supervisor.kill()
        supervisor.wait(5)
        await eventually(lambda: not _runs(pid))
        return pid

    assert asyncio.run(run()) > 0


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    # Who adopts it may not have looked at it yet.
    return state != "Z"


def test_workers_end_in_order_when_they_are_told_to(tmp_path: Path) -> None:
    pids: list[int] = []

    async def work(scene: Scene) -> None:
        pids.extend(each.process.pid for each in scene.supervisor._all())

    status = kept(tmp_path, work, count=1)

    assert status == 0 and len(pids) == 1
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_policies_that_do_not_hold_up_end_it_with_the_status_of_the_first(tmp_path: Path) -> None:
    async def run() -> tuple[int, int]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        supervisor = Supervisor(WORK, WorkersOptions(count=4), {"refuse": 3}, environment=environment)
        return await asyncio.wait_for(supervisor.run(), 10), supervisor.restarts

    assert asyncio.run(run()) == (3, 0)
