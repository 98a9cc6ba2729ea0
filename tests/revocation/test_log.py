"""The record of revocations: durable, chained, and never silently less than it was."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pdp.errors import RecordError
from pdp.model import Mark, Revocation, RevocationKind
from pdp.revocation.log import RevocationLog
from pdp.values import Datetime

ROOT = Path(__file__).resolve().parents[2]


def token(number: int) -> Revocation:
    return Revocation(RevocationKind.TOKEN, f"t{number}")


@pytest.fixture
def log(tmp_path: Path) -> RevocationLog:
    return RevocationLog(tmp_path / "log.db", create=True)


def filled(path: Path, count: int) -> Mark:
    """Write so many facts, close the record, and return its mark."""
    log = RevocationLog(path, create=True)
    for number in range(count):
        log.publish(token(number))
    mark = log.read(Mark())[1]
    log.close()
    return mark


def edit(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_is_published_is_read_in_its_order_and_numbered_without_gaps(log: RevocationLog) -> None:
    facts = [
        Revocation(RevocationKind.PRINCIPAL, "ada", "User", Datetime(5), "left"),
        Revocation(RevocationKind.TOKEN, "té\n"),
    ]

    numbers = [log.publish(each) for each in facts]
    read, mark = RevocationLog(log.path).read(Mark())

    assert numbers == [1, 2]
    assert (list(read), mark.sequence) == (facts, 2)
    assert log.read(mark) == ([], mark)


def test_a_record_is_its_owners_alone(log: RevocationLog) -> None:
    log.publish(token(1))

    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(log.path).parent.iterdir()}

    assert modes == dict.fromkeys(("log.db", "log.db-wal", "log.db-shm"), 0o600)


def test_what_is_written_is_on_the_disk_before_it_is_numbered(log: RevocationLog) -> None:
    with log._opened() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_record_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no such record"):
        RevocationLog(tmp_path / "log.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_record_that_others_could_use_is_refused(log: RevocationLog, mode: int) -> None:
    Path(log.path).chmod(mode)

    with pytest.raises(RecordError, match="others may use the file"):
        log.read(Mark())
    with pytest.raises(RecordError, match="others may use the file"):
        RevocationLog(log.path)


def test_a_record_of_another_user_is_refused(log: RevocationLog, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(RecordError, match="belongs to another user"):
        log.publish(token(1))


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_a_link_is_no_record_and_no_part_of_one(tmp_path: Path, beside: str) -> None:
    filled(tmp_path / "log.db", 1)
    place = tmp_path / f"log.db{beside}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(place.read_bytes() if place.exists() else b"")
    place.unlink(missing_ok=True)
    place.symlink_to(elsewhere)

    with pytest.raises(RecordError, match="no regular file"):
        RevocationLog(tmp_path / "log.db")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no record of revocations"), (b"nonsense" * 1000, "not a database"), (None, "of another version")],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "log.db"
    if content is None:
        filled(path, 1)
        edit(path, "PRAGMA user_version = 9")
    else:
        path.write_bytes(content)
        path.chmod(0o600)

    with pytest.raises(RecordError, match=message) as caught:
        RevocationLog(path)
    assert caught.value.lasting


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM facts WHERE sequence = 2",
        "UPDATE facts SET value = 't9' WHERE sequence = 2",
        "UPDATE facts SET not_before = 0 WHERE sequence = 1",
        "UPDATE facts SET why = 'x' WHERE sequence = 3",
        "UPDATE facts SET kind = 'party' WHERE sequence = 3",
        "UPDATE facts SET digest = x'00' WHERE sequence = 3",
        "UPDATE record SET id = x'00000000000000000000000000000000'",
        "DELETE FROM record",
        "DELETE FROM facts WHERE sequence = 1",
    ],
)
def test_a_record_that_was_changed_is_damaged(tmp_path: Path, statement: str) -> None:
    filled(tmp_path / "log.db", 3)
    edit(tmp_path / "log.db", statement)

    with pytest.raises(RecordError, match="damaged") as caught:
        RevocationLog(tmp_path / "log.db").read(Mark())
    assert caught.value.lasting


def test_bytes_that_are_overwritten_are_no_shorter_record(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    mark = filled(path, 400)
    whole, rng = path.read_bytes(), random.Random(1)

    for _ in range(60):
        data, at = bytearray(whole), rng.randrange(100, len(whole) - 64)
        data[at : at + 64] = rng.randbytes(64)
        path.write_bytes(data)
        log = None
        try:
            log = RevocationLog(path)
            facts, found = log.read(Mark())
        except RecordError:
            continue
        finally:
            if log is not None:
                log.close()
        # What was hit is no part of a fact.
        assert (found, [*facts]) == (mark, [token(number) for number in range(400)])


def test_a_backup_that_is_put_back_is_found_out_even_where_it_has_grown_since(tmp_path: Path) -> None:
    path, backup = tmp_path / "log.db", tmp_path / "backup.db"
    filled(path, 3)
    shutil.copy(path, backup)
    log = RevocationLog(path)
    log.publish(token(3))
    seen = log.read(Mark())[1]
    # Else what SQLite keeps beside the file would bring it up to date.
    log.close()
    backup.replace(path)

    with pytest.raises(RecordError, match="ends at fact 3, and fact 4 was seen before") as caught:
        log.read(seen)
    assert caught.value.lasting
    for number in (7, 8):
        log.publish(token(number))
    with pytest.raises(RecordError, match="fact 4 of the record is another one than before"):
        log.read(seen)


def test_another_record_is_told_from_an_empty_one(tmp_path: Path) -> None:
    log = RevocationLog(tmp_path / "log.db", create=True)
    mark = log.read(Mark())[1]
    for path in tmp_path.iterdir():
        path.unlink()

    RevocationLog(tmp_path / "log.db", create=True)

    with pytest.raises(RecordError, match="another record than before"):
        log.read(mark)


def test_threads_and_records_of_one_file_share_its_numbers(log: RevocationLog) -> None:
    logs = [log, RevocationLog(log.path)]
    numbers: list[int] = []

    def write(start: int) -> None:
        numbers.extend(logs[start % 2].publish(token(start * 100 + each)) for each in range(20))

    threads = [threading.Thread(target=write, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 81))
    assert len(log.read(Mark())[0]) == 80


def test_a_child_that_was_forked_has_a_connection_of_its_own(log: RevocationLog) -> None:
    log.publish(token(1))

    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 10 + log.publish(token(2))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 12
    assert log.publish(token(3)) == 3


WRITER = """
import sys
from pdp.model import Revocation, RevocationKind
from pdp.revocation.log import RevocationLog
log = RevocationLog(sys.argv[1], create=True)
for number in range(100_000):
    # Told when it is acknowledged, and not before.
    name = f"{sys.argv[2]}-{number}"
    print(log.publish(Revocation(RevocationKind.TOKEN, name)), name, flush=True)
"""


def killed(path: Path, name: str, lines: int, code: str = WRITER) -> dict[int, str]:
    """Have a process write, kill it after so many acknowledgements, and return all that it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path), name], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    # The last line may be torn: then nobody has read that it was acknowledged.
    return {int(number): name for number, name in (line.split() for line in told if line.endswith("\n"))}


def test_nothing_that_was_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "log.db", dict[int, str]()

    for turn in range(4):
        acknowledged |= killed(path, f"w{turn}", 1 + 7 * turn)

    facts, mark = RevocationLog(path).read(Mark())
    assert {number: facts[number - 1].value for number in acknowledged} == acknowledged
    # What was on its way may be there too: at most one fact for each that was killed.
    assert mark.sequence - len(acknowledged) <= 4
