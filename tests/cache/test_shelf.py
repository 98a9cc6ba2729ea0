"""Who may have written what is read, where it is kept, and how much of it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

import pdp
from pdp.cache import OFF, place, shelf
from pdp.cache.packs import digest_of
from pdp.cache.shelf import Shelf
from tests.cache.folders import outcome, write
from tests.cache.test_entries import sealed

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="nothing is kept where nobody owns a file")

ROOT = Path(__file__).resolve().parents[2]
OTHER_USER = 65_534
STRICT = (
    "type User\ntype Page\naction read on Page by User\nrule r: forbid anyone to any on anything because 'x'\n".replace(
        "'", '"'
    )
)
LOOSE = "type User\ntype Page\naction read on Page by User\nrule r: permit anyone to any on anything\n"


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    """Make files as most users do: what is private must not be so by luck."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "policies", {"a.pdp": STRICT})


@pytest.fixture
def planted(folder: Path, cache: Path) -> Path:
    """Plant what an attacker would: an entry that is whole, says it is of these texts, and lets everybody in."""
    write(folder, {"a.pdp": LOOSE})
    pdp.Engine.load(folder, cache=cache)
    write(folder, {"a.pdp": STRICT})
    (entry,) = cache.iterdir()
    data = msgpack.unpackb(entry.read_bytes()[len(shelf.MAGIC) + 32 :])
    data[1][0][1] = digest_of((b"a.pdp", STRICT.encode()))
    entry.write_bytes(sealed(msgpack.packb(data)))
    return entry


def lets_in(folder: Path, cache: Path | str) -> bool:
    return pdp.Engine.load(folder, cache=cache).allows(pdp.ref("User", "u"), "read", pdp.ref("Page", "p"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ------------------------------------------------------------------------------------------------- who can have written


def test_what_the_user_alone_could_write_is_used_so_that_the_tests_below_mean_something(
    folder: Path, cache: Path, planted: Path
) -> None:
    assert lets_in(folder, cache)
    assert not lets_in(folder, OFF)


@pytest.mark.parametrize("bits", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o066, 0o022])
def test_a_file_that_is_open_to_others_is_not_used_and_is_replaced(
    folder: Path, cache: Path, planted: Path, bits: int
) -> None:
    planted.chmod(0o600 | bits)

    assert not lets_in(folder, cache)
    assert mode(planted) == 0o600
    assert not lets_in(folder, cache)


@pytest.mark.parametrize("bits", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o055, 0o077])
def test_a_folder_that_is_open_to_others_is_neither_read_nor_written(
    folder: Path, cache: Path, planted: Path, bits: int
) -> None:
    before = planted.read_bytes()
    cache.chmod(0o700 | bits)

    assert not lets_in(folder, cache)
    assert planted.read_bytes() == before
    assert mode(cache) == 0o700 | bits


def test_what_belongs_to_another_user_is_neither_read_nor_written(
    folder: Path, cache: Path, planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planted.read_bytes()
    monkeypatch.setattr(shelf.os, "geteuid", lambda: OTHER_USER)

    assert not lets_in(folder, cache)
    assert planted.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("given", ["file", "folder"])
def test_what_is_given_to_another_user_is_not_read(folder: Path, cache: Path, planted: Path, given: str) -> None:
    os.chown(planted if given == "file" else cache, OTHER_USER, -1)

    assert not lets_in(folder, cache)


def test_a_linked_file_is_not_followed(folder: Path, cache: Path, planted: Path, tmp_path: Path) -> None:
    planted.rename(tmp_path / "elsewhere")
    planted.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()

    assert not lets_in(folder, cache)
    assert not planted.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_a_linked_folder_is_not_followed(folder: Path, cache: Path, planted: Path, tmp_path: Path) -> None:
    cache.rename(tmp_path / "elsewhere")
    cache.symlink_to(tmp_path / "elsewhere")

    assert not lets_in(folder, cache)
    assert len([*(tmp_path / "elsewhere").iterdir()]) == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_read_and_nothing_waits_for_it(
    folder: Path, cache: Path, planted: Path, kind: str
) -> None:
    planted.unlink()
    match kind:
        case "pipe":
            os.mkfifo(planted, 0o600)
        case "folder":
            planted.mkdir(0o700)
        case "device":
            planted.symlink_to("/dev/zero")

    assert not lets_in(folder, cache)


def test_a_file_is_judged_by_what_was_opened_and_not_by_its_name(
    folder: Path, cache: Path, planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = planted.with_suffix(".good")
    planted.rename(good)
    planted.write_bytes(good.read_bytes())
    planted.chmod(0o666)
    opened = os.open

    def swap(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        descriptor = opened(path, flags, *arguments, **options)
        if str(path) == planted.name and not flags & os.O_CREAT:
            # As late as can be: the name now leads to a file that nobody else could have written.
            good.replace(planted)
        return descriptor

    monkeypatch.setattr(shelf.os, "open", swap)

    assert not lets_in(folder, cache)


def test_folders_and_files_are_made_for_the_user_alone(folder: Path, tmp_path: Path) -> None:
    os.umask(0)
    deep = tmp_path / "a" / "b"

    lets_in(folder, deep)

    (entry,) = deep.iterdir()
    assert (mode(deep), mode(entry)) == (0o700, 0o600)


# ------------------------------------------------------------------------------------------------------ where it cannot


@pytest.fixture
def fresh(folder: Path) -> Any:
    return outcome(folder, OFF)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("step", ["open", "write", "replace", "makedirs", "listdir"])
def test_a_disk_that_takes_nothing_costs_nothing_but_time(
    folder: Path, cache: Path, fresh: Any, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    cache.mkdir(0o700)
    _fail(monkeypatch, step, OSError(code, os.strerror(code)))

    Shelf(str(cache)).write("e", b"x")
    assert outcome(folder, cache) == fresh
    assert outcome(folder, cache) == fresh
    monkeypatch.undo()
    assert [*cache.iterdir()] == [] or step == "listdir"


def _fail(monkeypatch: pytest.MonkeyPatch, step: str, error: OSError) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    if step == "open":
        opened: Callable[..., int] = os.open
        monkeypatch.setattr(
            shelf.os,
            "open",
            lambda path, flags, *a, **o: fail() if flags & os.O_CREAT else opened(path, flags, *a, **o),
        )
    elif step == "write":
        fdopen = os.fdopen

        def full(descriptor: int, mode: str, **options: Any) -> Any:
            file = fdopen(descriptor, mode, **options)
            if "w" not in mode:
                return file

            class Full:
                def __enter__(self) -> Full:
                    return self

                def __exit__(self, *_: object) -> None:
                    file.close()

                def write(self, data: bytes) -> int:
                    file.write(data[:100])
                    raise error

            return Full()

        monkeypatch.setattr(shelf.os, "fdopen", full)
    else:
        monkeypatch.setattr(shelf.os, step, fail)


def test_a_limit_on_the_size_of_files_costs_nothing_but_time(folder: Path, cache: Path) -> None:
    code = f"""
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
import pdp
engine = pdp.Engine.load({str(folder)!r}, cache={str(cache)!r})
assert not engine.allows(pdp.ref("User", "u"), "read", pdp.ref("Page", "p"))
"""

    done = _python(code)

    assert (done.returncode, done.stderr) == (0, "")
    assert [*cache.iterdir()] == []


def test_a_place_that_can_be_no_folder_costs_nothing_but_time(folder: Path, fresh: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for impossible in (tmp_path / "file", tmp_path / "file" / "below", "/dev/null/x", "/proc/none", "\0", "x" * 5_000):
        assert outcome(folder, impossible) == fresh


def test_what_cannot_be_written_down_is_not_kept(
    folder: Path, cache: Path, fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr("pdp.cache.writing.pack", fail)

    assert outcome(folder, cache) == fresh


def test_memory_that_runs_out_while_an_entry_is_read_is_no_error(
    folder: Path, cache: Path, planted: Path, fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(shelf, "_read", fail)

    assert outcome(folder, cache) == fresh


# ----------------------------------------------------------------------------------------------------------- how much


def keep(shelf_: Shelf, name: str, payload: bytes, age: float) -> None:
    shelf_.write(name, payload)
    path = Path(shelf_._folder, f"{name}.pdpc")
    if path.exists():
        os.utime(path, (path.stat().st_mtime - age,) * 2)


def test_the_oldest_go_where_there_are_too_many(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_ENTRIES", 3)
    shelf_ = Shelf(str(cache))

    for number, age in enumerate([50, 40, 70, 20, 60]):
        keep(shelf_, f"e{number}", b"x", age)

    # At each write the oldest of four had to go; the one just written stays, however old its time is made later.
    assert sorted(path.stem for path in cache.iterdir()) == ["e1", "e3", "e4"]


def test_what_was_just_written_stays_even_where_the_clock_has_gone_back(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MAX_ENTRIES", 1)
    shelf_ = Shelf(str(cache))
    keep(shelf_, "old", b"x", -3_600)

    shelf_.write("new", b"y")

    assert [path.stem for path in cache.iterdir()] == ["new"]


def test_the_oldest_go_where_they_are_too_large_together(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_SHELF", 3_500)
    shelf_ = Shelf(str(cache))

    for number, age in enumerate([50, 40, 30, 20]):
        keep(shelf_, f"e{number}", bytes(1_000), age)

    assert sorted(path.stem for path in cache.iterdir()) == ["e1", "e2", "e3"]
    assert shelf_.read("e0") is None
    assert shelf_.read("e1") == bytes(1_000)


def test_what_is_too_large_alone_is_neither_written_nor_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf_ = Shelf(str(cache))
    shelf_.write("small", bytes(1_000))
    monkeypatch.setattr(shelf, "MAX_ENTRY", 999)
    monkeypatch.setattr(shelf, "_LARGEST", 999 + len(shelf.MAGIC) + 32)

    shelf_.write("large", bytes(1_000))

    assert shelf_.read("small") is None
    assert [path.stem for path in cache.iterdir()] == ["small"]


def test_what_killed_writers_left_goes_and_what_others_write_stays(cache: Path) -> None:
    shelf_ = Shelf(str(cache))
    shelf_.write("a", b"x")
    old, new, foreign = cache / ".a.pdpc.00", cache / ".a.pdpc.11", cache / "notes.txt"
    (cache / "folder.pdpc").mkdir()
    for path in (old, new, foreign):
        path.write_bytes(b"half")
    for path in (old, foreign):
        os.utime(path, (1, 1))

    shelf_.write("b", b"x")

    assert not old.exists()
    assert all(path.exists() for path in (new, foreign, cache / "folder.pdpc", cache / "a.pdpc", cache / "b.pdpc"))


def test_an_entry_that_another_has_removed_meanwhile_is_no_reason_to_stop(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MAX_ENTRIES", 1)
    shelf_ = Shelf(str(cache))
    listed = os.listdir
    monkeypatch.setattr(shelf.os, "listdir", lambda folder: ["gone.pdpc", ".gone.pdpc.00", *listed(folder)])

    shelf_.write("a", b"x")
    shelf_.write("b", b"y")

    monkeypatch.undo()
    assert [path.stem for path in cache.iterdir()] == ["b"]


# ------------------------------------------------------------------------------------------------------------ together


def test_whoever_reads_while_many_write_reads_one_of_them_whole(cache: Path) -> None:
    payloads = {bytes([number]) * 20_000 * (number + 1) for number in range(4)}
    shelf_ = Shelf(str(cache))
    shelf_.write("e", min(payloads))
    read: list[bytes | None] = []

    def write_often(payload: bytes) -> None:
        for _ in range(25):
            shelf_.write("e", payload)

    def read_often() -> None:
        for _ in range(100):
            read.append(shelf_.read("e"))

    threads = [threading.Thread(target=write_often, args=(payload,)) for payload in payloads]
    threads += [threading.Thread(target=read_often) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(read) == 200
    assert set(read) <= payloads
    assert [path.name for path in cache.iterdir()] == ["e.pdpc"]


def test_processes_that_load_and_edit_at_once_all_answer_by_their_texts(folder: Path, cache: Path) -> None:
    texts = [STRICT, LOOSE]
    code = f"""
import sys, pathlib, pdp
for lap in range(10):
    own = pathlib.Path({str(folder)!r}, sys.argv[1], "policies")
    own.mkdir(parents=True, exist_ok=True)
    for path in (own, pathlib.Path({str(folder)!r})):
        text = {texts!r}[lap % 2]
        if path == own:
            (own / "a.pdp").write_text(text)
        engine = pdp.Engine.load(path if path == own else path / "shared", cache={str(cache)!r})
        said = engine.allows(pdp.ref("User", "u"), "read", pdp.ref("Page", "p"))
        assert said == (path == own and lap % 2 == 1), (path, lap, said)
"""
    (folder / "shared").mkdir()
    (folder / "a.pdp").rename(folder / "shared" / "a.pdp")
    running = [_start(code, str(number)) for number in range(4)]

    said = [process.communicate(timeout=60)[1] for process in running]

    assert said == [""] * 4
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


def _python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    process = _start(code, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def _start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --------------------------------------------------------------------------------------------------------------- where


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        (None, {"HOME": "/home/u"}, "/home/u/.cache/pdp"),
        (None, {"HOME": "/home/u", "XDG_CACHE_HOME": "/var/c"}, "/var/c/pdp"),
        (None, {"HOME": "/home/u", "XDG_CACHE_HOME": "relative"}, "/home/u/.cache/pdp"),
        (None, {"HOME": "/home/u", "XDG_CACHE_HOME": ""}, "/home/u/.cache/pdp"),
        (None, {"HOME": "/home/u", "PDP_CACHE": "/var/p"}, "/var/p"),
        (None, {"HOME": "/home/u", "PDP_CACHE": ""}, "/home/u/.cache/pdp"),
        (None, {"HOME": "/home/u", "PDP_CACHE": "off"}, None),
        ("/given", {"HOME": "/home/u", "PDP_CACHE": "off"}, "/given"),
        (Path("/given"), {"HOME": "/home/u", "PDP_CACHE": "/var/p"}, "/given"),
        ("off", {"HOME": "/home/u", "PDP_CACHE": "/var/p"}, None),
        (None, {"HOME": "relative"}, None),
    ],
)
def test_the_place_is_the_one_given_or_of_the_environment_or_the_users_own(
    monkeypatch: pytest.MonkeyPatch, given: Any, environment: dict[str, str], found: str | None
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "PDP_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert place(given) == found


def test_a_place_from_nowhere_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert place("relative") is None


def test_where_nobody_owns_files_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("pdp.cache.os.geteuid")

    assert place("/given") is None


def test_with_the_cache_off_nothing_is_written(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PDP_CACHE", "off")

    pdp.Engine.load(folder)

    assert not (tmp_path / "home").exists()


def test_the_tests_keep_nothing_where_the_users_own_commands_look() -> None:
    chosen = place()

    assert "PDP_CACHE" in os.environ
    assert chosen is None or not Path(chosen).is_relative_to(Path("~/.cache").expanduser())
