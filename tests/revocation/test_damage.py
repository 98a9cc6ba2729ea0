"""A record whose files are damaged, lost or replaced: what was acknowledged is there, or it is an error."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import RecordError
from pdp.model import Mark, Revocation, RevocationKind
from pdp.revocation.log import RevocationLog
from pdp.values import Datetime


def token(number: int) -> Revocation:
    return Revocation(RevocationKind.TOKEN, f"t{number}")


def read(path: Path) -> list[Revocation]:
    log = RevocationLog(path)
    try:
        return [*log.read(Mark())[0]]
    finally:
        log.close()


def test_no_byte_that_flips_makes_a_shorter_record(tmp_path: Path) -> None:
    path, facts = tmp_path / "log.db", [token(number) for number in range(3)]
    log = RevocationLog(path, create=True)
    for fact in facts:
        log.publish(fact)
    log.close()
    whole, shorter = path.read_bytes(), list[int]()

    for at in range(len(whole)):
        # Most of a file so small is empty: three bytes of zeros are like all others.
        if any(whole[max(at - 1, 0) : at + 2]):
            for flip in (0x01, 0x08, 0xFF):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
                try:
                    found = read(path)
                except RecordError:
                    continue
                if found != facts:
                    shorter.append(at)

    assert not shorter


@pytest.mark.parametrize("pages", range(7))
def test_a_record_that_is_cut_off_is_an_error(tmp_path: Path, pages: int) -> None:
    path = tmp_path / "log.db"
    log = RevocationLog(path, create=True)
    for number in range(300):
        log.publish(token(number))
    log.close()
    whole = path.read_bytes()
    assert len(whole) > pages * 4096

    path.write_bytes(whole[: pages * 4096])

    with pytest.raises(RecordError):
        read(path)


def killed(work: Callable[[], Any]) -> None:
    """Do something in a process that is killed at the end of it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    os.waitpid(child, 0)


@pytest.mark.parametrize("older", [False, True], ids=["removed", "an older one"])
def test_what_is_acknowledged_is_there_though_files_beside_the_record_were_lost(tmp_path: Path, older: bool) -> None:
    path, wal, told = tmp_path / "log.db", tmp_path / "log.db-wal", tmp_path / "told"

    def work() -> None:
        log = RevocationLog(path, create=True)
        log.publish(token(1))
        kept = wal.read_bytes()
        log.publish(token(2))
        wal.unlink()
        (tmp_path / "log.db-shm").unlink()
        if older:
            wal.touch(0o600)
            wal.write_bytes(kept)
        told.write_text(str(log.publish(token(3))))
        # Here, or the log would be closed, and all of it written, before the process is killed.
        os.kill(os.getpid(), signal.SIGKILL)

    killed(work)

    assert told.read_text() == "3"
    assert [fact.value for fact in read(path)] == ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    "fact",
    [
        Revocation("party", "x"),  # type: ignore[arg-type]
        Revocation(RevocationKind.TOKEN, 5),  # type: ignore[arg-type]
        Revocation(RevocationKind.TOKEN, b"t"),  # type: ignore[arg-type]
        Revocation(RevocationKind.TOKEN, "t", not_before=Datetime(10**18)),
        Revocation(RevocationKind.TOKEN, "t", not_before=Datetime(10**30)),
        Revocation(RevocationKind.TOKEN, "\ud800"),
    ],
)
def test_what_nobody_could_read_is_not_put_on_record(tmp_path: Path, fact: Revocation) -> None:
    log = RevocationLog(tmp_path / "log.db", create=True)

    with pytest.raises(RecordError) as caught:
        log.publish(fact)

    assert not caught.value.lasting
    assert log.publish(token(1)) == 1
    assert [*log.read(Mark())[0]] == [token(1)]
