"""A port that several workers share, and nobody else."""

from __future__ import annotations

import socket

import pytest

from pdp_sidecar.workers.ports import listener, reserve


def test_workers_listen_to_what_is_kept_for_them() -> None:
    kept = reserve("127.0.0.1", 0)
    first, second = listener(kept.host, kept.port), listener(kept.host, kept.port)
    first.listen(), second.listen()
    for each in (first, second):
        each.setblocking(False)

    clients = [socket.create_connection((kept.host, kept.port), timeout=5) for _ in range(20)]

    accepted = 0
    for each in (first, second):
        try:
            while True:
                each.accept()[0].close()
                accepted += 1
        except BlockingIOError:
            pass
    assert accepted == 20
    for closed in (*clients, first, second, kept.socket):
        closed.close()


def test_what_another_program_listens_to_is_not_shared() -> None:
    kept = reserve("127.0.0.1", 0)
    with listener(kept.host, kept.port) as other:
        other.listen()
        kept.close()

        with pytest.raises(OSError, match="in use"):
            reserve("127.0.0.1", kept.port)
