"""Policies that change on disk: group I of what has hurt systems of this kind."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import pdp
from pdp_sidecar import reloading
from pdp_sidecar.reloading import Reloader, ReloadOptions, load_engine, read_texts, start

WORLD = "type User\ntype Page\naction read on Page by User\n"
OPEN = WORLD + "rule open: permit User to read on Page\n"
SHUT = OPEN + 'rule shut: forbid anyone to read on Page because "closed for repairs"\n'
BROKEN = OPEN + "rule broken: permit Nobody to read on Page\n"
ASKED = (pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"))


def write(folder: Path, text: str, name: str = "policy.pdp") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def replace(folder: Path, text: str, name: str = "policy.pdp") -> None:
    """Write a file as programs do that care for who reads it."""
    (folder / ".new").write_text(text, encoding="utf-8")
    (folder / ".new").replace(folder / name)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """An engine of a folder and what keeps it there, on a clock that stands; `between` is what happens in a pause."""

    def __init__(self, path: Path, **options: float | None) -> None:
        self.clock, self.between = Clock(), []
        self.engine, self.mark = load_engine(path, cache="off")
        self.reloader = Reloader(
            self.engine,
            path,
            ReloadOptions(**options),
            mark=self.mark,
            cache="off",
            pause=self._pause,
            monotonic=self.clock,
        )

    between: list[Callable[[], object]]

    async def _pause(self, seconds: float) -> None:
        if self.between:
            self.between.pop(0)()

    def look(self) -> reloading.Reloaded | None:
        return asyncio.run(self.reloader.look())

    @property
    def allows(self) -> bool:
        return self.engine.allows(*ASKED)


def test_what_changed_is_taken(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    before = kept.engine.policy.revision
    write(tmp_path, SHUT)

    found = kept.look()

    assert found is not None and found.taken and found.revision == kept.engine.policy.revision != before
    assert not kept.allows


def test_what_says_the_same_is_not_read_anew(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    heard: list[str] = []
    kept.engine.listen(lambda: heard.append("changed"))
    replace(tmp_path, OPEN)

    found = kept.look()

    assert found is None and heard == [] and kept.reloader.last is None


def test_a_failed_reload_keeps_the_old_and_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    before = kept.engine.policy.revision
    write(tmp_path, BROKEN + "rule worse: permit Noone to read on Page\n")

    found = kept.look()

    assert found is not None and not found.taken and found.revision == before
    assert kept.allows and kept.engine.decide(*ASKED).revision == before
    assert kept.reloader.problems[0].endswith("`Nobody` is not declared (policy.pdp:5), and 1 more")
    problems = [vars(each)["pdp_fields"]["text"] for each in caplog.records if each.getMessage() == "policy_problem"]
    assert ["`Nobody`" in problems[0], "`Noone`" in problems[1]] == [True, True] and len(problems) == 2


def test_what_was_broken_is_told_once_and_mended_is_taken(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    write(tmp_path, BROKEN)
    kept.look()

    again = kept.look()
    write(tmp_path, OPEN)
    mended = kept.look()

    assert again is None
    assert mended is not None and mended.taken and kept.reloader.problems == ()


def test_last_good_policies_are_too_old_after_their_time(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path, max_failing=60.0)
    write(tmp_path, BROKEN)
    kept.look()
    write(tmp_path, BROKEN + "# still\n")
    kept.clock.now = 59.0
    kept.look()

    before = kept.reloader.is_late
    kept.clock.now = 60.0

    assert (before, kept.reloader.is_late) == (False, True)


def test_without_a_limit_the_last_good_policies_answer_on(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    write(tmp_path, BROKEN)
    kept.look()
    kept.clock.now = 1e9

    assert not kept.reloader.is_late and kept.allows


def test_a_file_that_is_half_written_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, SHUT)
    kept = Kept(tmp_path)
    # Without its end, the text is a policy all the same, and one that allows more.
    write(tmp_path, OPEN)
    kept.between.append(lambda: write(tmp_path, SHUT + "# a comment at the end\n"))

    found = kept.look()

    assert found is not None and found.taken
    assert not kept.allows


def test_of_two_releases_never_half_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release, folder = tmp_path / "releases", tmp_path / "policies"
    release.mkdir(), folder.mkdir()
    for number, text in ((1, SHUT), (2, OPEN)):
        write(release / str(number), text, "b.pdp")
        write(release / str(number), f"# release {number}\n", "a.pdp")
    (folder / "..data").symlink_to(release / "1")
    for name in ("a.pdp", "b.pdp"):
        (folder / name).symlink_to(Path("..data") / name)
    kept = Kept(folder)
    read = reloading.read_folder

    def swapped_midway(path: Path) -> object:
        sources, problems = read(path)
        if not (folder / "..new").exists() and (folder / "..data").readlink().name == "1":
            (folder / "..new").symlink_to(release / "2")
            (folder / "..new").replace(folder / "..data")
            again, _ = read(path)
            return [sources[0], *again[1:]], problems
        return sources, problems

    monkeypatch.setattr(reloading, "read_folder", swapped_midway)
    taken: list[list[str]] = []
    load = reloading.load_read
    monkeypatch.setattr(
        reloading,
        "load_read",
        lambda path, sources, *more, **options: (
            taken.append([each.text for each in sources]) or load(path, sources, *more, **options)
        ),
    )

    found = kept.look()

    assert found is not None and found.taken and kept.allows
    assert taken == [["# release 2\n", OPEN]]


def test_a_folder_that_never_comes_to_rest_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    write(tmp_path, SHUT)
    kept.between += [lambda n=n: write(tmp_path, SHUT + f"# {n}\n") for n in range(100)]

    found = kept.look()

    assert found is not None and not found.taken and found.detail == "the files do not come to rest"
    assert kept.allows


def test_a_folder_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    write(folder, OPEN)
    kept = Kept(folder)
    shutil.rmtree(folder)

    gone = kept.look()
    write(folder, SHUT)
    back = kept.look()

    assert gone is not None and not gone.taken and "there is no such file or folder" in gone.detail
    assert back is not None and back.taken and not kept.allows


@pytest.mark.parametrize("raised", [MemoryError(), RecursionError(), OSError("the disk is gone"), ValueError("odd")])
def test_whatever_goes_wrong_in_a_reload_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    write(tmp_path, SHUT)

    def fail(*_: object, **__: object) -> None:
        raise raised

    with monkeypatch.context() as patch:
        patch.setattr(reloading, "load_read", fail)
        failed = kept.look()
    again = kept.look()

    assert failed is not None and not failed.taken and type(raised).__name__ in failed.detail
    assert again is not None and again.taken and not kept.allows


def test_entities_that_changed_are_taken_as_well(tmp_path: Path) -> None:
    declared = WORLD.replace("type Page", "type Page { listed: Bool }")
    write(tmp_path, declared + "rule listed: permit User to read on Page when resource.listed\n")
    row = '{"entities": [{"type": "Page", "id": "home", "attributes": {"listed": %s}}]}'
    write(tmp_path, row % "false", "entities.json")
    kept = Kept(tmp_path)
    write(tmp_path, row % "true", "entities.json")

    kept.look()

    assert kept.allows


def test_each_decision_is_of_the_revision_that_it_names(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    expected = {kept.engine.policy.revision: True}
    found: list[tuple[str, bool]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            decision = kept.engine.decide(*ASKED)
            found.append((decision.revision, bool(decision)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for number in range(8):
            write(tmp_path, (OPEN if number % 2 else SHUT) + f"# {number}\n")
            kept.look()
            expected[kept.engine.policy.revision] = bool(number % 2)
    finally:
        stop.set()
        thread.join()

    assert len(expected) == 9 and len({revision for revision, _ in found}) > 2
    assert all(expected[revision] is allowed for revision, allowed in found)


def test_what_was_frozen_is_frozen_again_and_what_was_replaced_is_not_kept(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    kept = Kept(tmp_path)
    write(tmp_path, SHUT)
    gc.freeze()
    try:
        kept.look()

        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def watched(folder: Path, work: Callable[[pdp.Engine, Reloader], Awaitable[None]]) -> None:
    """Run something beside an engine that follows its folder by what the system tells, never by the interval."""

    async def run() -> None:
        engine, mark = load_engine(folder, cache="off")
        reloader = await start(engine, folder, ReloadOptions(settle=0.01, interval=600.0), mark=mark, cache="off")
        try:
            await asyncio.sleep(0.15)
            await work(engine, reloader)
        finally:
            await reloader.drain(1.0)

    asyncio.run(run())


@pytest.mark.parametrize("write_it", [write, replace])
def test_a_change_is_noticed(tmp_path: Path, write_it: Callable[[Path, str], None]) -> None:
    write(tmp_path, OPEN)

    async def work(engine: pdp.Engine, reloader: Reloader) -> None:
        write_it(tmp_path, SHUT)

        await eventually(lambda: not engine.allows(*ASKED))

    watched(tmp_path, work)


def test_a_link_that_is_swapped_is_noticed_each_time(tmp_path: Path) -> None:
    for name, text in (("1", OPEN), ("2", SHUT), ("3", OPEN + "# again\n")):
        write(tmp_path / name, text)
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "1")

    def swap(name: str) -> None:
        (tmp_path / "next").symlink_to(tmp_path / name)
        (tmp_path / "next").replace(link)

    async def work(engine: pdp.Engine, reloader: Reloader) -> None:
        swap("2")
        await eventually(lambda: not engine.allows(*ASKED))
        swap("3")

        await eventually(lambda: engine.allows(*ASKED))

    watched(link, work)


def test_a_mounted_config_map_that_is_updated_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    write(folder, "")
    (folder / "policy.pdp").unlink()
    for name, text in (("..1", OPEN), ("..2", SHUT)):
        write(folder / name, text)
    (folder / "..data").symlink_to("..1")
    (folder / "policy.pdp").symlink_to("..data/policy.pdp")

    async def work(engine: pdp.Engine, reloader: Reloader) -> None:
        (folder / "..data_tmp").symlink_to("..2")
        (folder / "..data_tmp").replace(folder / "..data")

        await eventually(lambda: not engine.allows(*ASKED))

    watched(folder, work)


def test_a_folder_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    write(folder, OPEN)
    write(tmp_path / "next", SHUT)

    async def work(engine: pdp.Engine, reloader: Reloader) -> None:
        folder.rename(tmp_path / "before")
        (tmp_path / "next").rename(folder)

        await eventually(lambda: not engine.allows(*ASKED))

    watched(folder, work)


def test_without_watching_it_looks_only_when_it_is_asked(tmp_path: Path) -> None:
    write(tmp_path, OPEN)

    async def run() -> tuple[bool, bool]:
        engine, mark = load_engine(tmp_path, cache="off")
        options = ReloadOptions(watch=False, settle=0.0, interval=0.01)
        reloader = Reloader(engine, tmp_path, options, mark=mark, cache="off")
        reloader.watch()
        write(tmp_path, SHUT)
        await asyncio.sleep(0.1)
        before = engine.allows(*ASKED)
        reloader.ask()
        await eventually(lambda: not engine.allows(*ASKED))
        await reloader.drain(1.0)
        return before, engine.allows(*ASKED)

    assert asyncio.run(run()) == (True, False)


def test_the_mark_of_a_folder_has_what_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, OPEN)
    before = read_texts(tmp_path).mark
    (tmp_path / "other.pdp").symlink_to("nowhere")

    assert read_texts(tmp_path).mark != before
