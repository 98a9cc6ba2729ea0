"""What systemd is told."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from pdp_sidecar.operations.notify import READY, Watchdog, interval, notify


def listener(address: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(address)
    found.settimeout(5)
    return found


def test_it_is_told_what_is_to_be_told(tmp_path: Path) -> None:
    with listener(f"{tmp_path}/n") as heard:
        told = notify(READY, {"NOTIFY_SOCKET": f"{tmp_path}/n"})

        assert told and heard.recv(100) == b"READY=1"


def test_a_name_of_no_file_is_told_as_well() -> None:
    name = f"pdp-test-{os.getpid()}"
    with listener(f"\0{name}") as heard:
        told = notify(READY, {"NOTIFY_SOCKET": f"@{name}"})

        assert told and heard.recv(100) == b"READY=1"


@pytest.mark.parametrize("path", ["", "nowhere", "/nowhere/at/all", "vsock:2:1"])
def test_where_nobody_listens_nothing_is_told(path: str) -> None:
    assert not notify(READY, {"NOTIFY_SOCKET": path})


def test_it_hears_that_the_loop_goes_round(tmp_path: Path) -> None:
    async def run() -> list[bytes]:
        with listener(f"{tmp_path}/n") as heard:
            watchdog = Watchdog({"NOTIFY_SOCKET": f"{tmp_path}/n", "WATCHDOG_USEC": "20000"})
            found = [await asyncio.to_thread(heard.recv, 100) for _ in range(3)]
            await watchdog.drain(1.0)
            return found

    assert asyncio.run(run()) == [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "given, every",
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
    ],
)
def test_how_often_it_wants_to_hear(given: dict[str, str], every: float | None) -> None:
    assert interval(given) == every
