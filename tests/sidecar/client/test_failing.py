"""Whatever a network, a sidecar or a machine does: a client denies or raises, and never allows (group M)."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, Kind, frame
from pdp_sidecar.frames.values import pack
from pdp_sidecar.generated import check_pb2, decision_service_pb2
from tests.sidecar.client.running import SOON, Loop, Sidecar, running, until
from tests.sidecar.faults import Cut, Delay, Drip, Fault, Flip, Garbage, HalfOpen, cut, proxied
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, engine

READS = pdp.Request(ADA, "read", HOME)
DENIED = pdp.Request(BEN, "read", PLAN)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with running(engine(), tmp_path_factory.mktemp("failing") / "s", protocols="frames grpc http") as found:
        yield found


FAULTS: dict[str, Fault] = {
    "cut at once": Cut(0),
    "cut in the head": Cut(5),
    "cut in the middle": Cut(40),
    "cut before the end": Cut(100),
    "half open": HalfOpen(0),
    "half open in the middle": HalfOpen(50),
    "garbage": Garbage(b"\xff" * 64),
    "garbage that is a frame": Garbage(frame(Kind.ANSWER, 1, pack([0, None, None, None, "", ""]))),
    "an allow that nobody gave": Garbage(frame(Kind.ANSWER, 1, pack([0, True, None, None, "", ""]))),
    "HTTP": Garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "zeros": Garbage(b"\0" * 64),
    "slow": Delay(5.0),
    "a byte at a time": Drip(0.2),
    "questions that do not arrive": HalfOpen(0, requests=True),
    "questions that are cut": Cut(60, requests=True),
}
PROTOCOLS = ("frames", "frames, asynchronous", "gRPC", "gRPC, asynchronous", "HTTP")


def proxy_of(sidecar: Sidecar, protocol: str, folder: Path, fault: Fault) -> Any:
    if protocol == "HTTP":
        host, _, port = sidecar.http.removeprefix("http://").partition(":")
        return proxied((host, int(port)), fault)
    path = f"{sidecar.path}.grpc" if protocol.startswith("gRPC") else str(sidecar.path)
    return proxied(path, fault, at=str(folder / "p"))


def client_of(proxy: Any, protocol: str, **options: Any) -> Any:
    if protocol == "HTTP":
        return pdp.connect(f"http://127.0.0.1:{proxy.address[1]}", **options)
    target = f"grpc:unix:{proxy.address}" if protocol.startswith("gRPC") else f"unix:{proxy.address}"
    return Loop(target, **options) if protocol.endswith("asynchronous") else pdp.connect(target, **options)


def ended(client: Any) -> None:
    client.end() if isinstance(client, Loop) else client.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_is_an_allow(sidecar: Sidecar, tmp_path: Path, protocol: str, name: str) -> None:
    with proxy_of(sidecar, protocol, tmp_path, FAULTS[name]) as proxy:
        client = client_of(proxy, protocol, timeout=0.15)
        try:
            began = time.monotonic()

            assert client.allows(*DENIED) is False
            found = client.decide(*READS)
            batch = client.decide_many([DENIED, DENIED])
            took = time.monotonic() - began
        finally:
            ended(client)

    # A cut that comes after the answer is none.
    assert found.reason in ("source_failed", "permitted")
    assert bool(found) is (found.reason == "permitted")
    assert not any(batch)
    # A machine that has much else to do may be late, but nothing waits for ever.
    assert took < 20


def test_a_byte_that_is_another_is_no_allow(sidecar: Sidecar, tmp_path: Path) -> None:
    with proxied(str(sidecar.path), Flip(0), at=str(tmp_path / "p")) as proxy:
        for at in range(0, 220, 5):
            for mask in (0x01, 0x40, 0xFF):
                proxy.fault = Flip(at, mask)
                with pdp.connect(f"unix:{proxy.address}", timeout=0.05, leases=False) as client:
                    assert not client.allows(*DENIED), (at, mask)


def test_a_client_that_was_let_down_answers_again(sidecar: Sidecar, tmp_path: Path) -> None:
    for protocol in PROTOCOLS:
        folder = tmp_path / protocol.replace(", ", "-")
        folder.mkdir()
        with proxy_of(sidecar, protocol, folder, Fault()) as proxy:
            client = client_of(proxy, protocol, timeout=2.0, leases=False)
            try:
                assert client.allows(*READS), protocol
                cut(proxy)
                assert client.allows(*READS), protocol
                cut(proxy)
                assert client.allows(*READS), protocol
            finally:
                ended(client)


@pytest.mark.parametrize("protocol", PROTOCOLS[:4])
def test_when_the_stream_is_lost_nothing_is_answered_from_what_is_kept(
    sidecar: Sidecar, tmp_path: Path, protocol: str
) -> None:
    with proxy_of(sidecar, protocol, tmp_path, Fault()) as proxy:
        client = client_of(proxy, protocol, timeout=0.3, max_staleness=0.4)
        try:
            leases = (client.client if isinstance(client, Loop) else client)._leases
            client.allows(*READS)
            until(lambda: leases.is_trusted)
            assert client.allows(*READS)
            watch = client.watch(READS)
            assert watch
            changed = threading.Event()
            watch.listen(lambda change: changed.set())

            # Whoever is there says nothing any more, and lets nobody else know.
            proxy.fault, proxy.refuses = HalfOpen(0), True
            until(lambda: not leases.is_trusted)

            assert client.allows(*READS) is False
            assert str(watch.state) == "failed"
            assert changed.wait(SOON)
            proxy.fault, proxy.refuses = Fault(), False
            cut(proxy)
            until(lambda: client.allows(*READS) and watch.state == "allowed")
        finally:
            ended(client)


def test_a_number_that_nobody_knows_is_no_allow_by_grpc(monkeypatch: pytest.MonkeyPatch, sidecar: Sidecar) -> None:
    client = pdp.connect(sidecar.grpc, leases=False)
    for message in (
        check_pb2.CheckResponse(),
        check_pb2.CheckResponse(decision=7, reason=1),  # type: ignore[arg-type]
        check_pb2.CheckResponse(decision=check_pb2.DECISION_ALLOW),
        check_pb2.CheckResponse(decision=check_pb2.DECISION_ALLOW, reason=99),  # type: ignore[arg-type]
    ):
        monkeypatch.setattr(client._wire, "_call", lambda *_, message=message: message)

        assert client.decide(*READS).reason == "internal_error"
        assert client.allows(*READS) is False
    batch = decision_service_pb2.CheckBatchResponse()
    monkeypatch.setattr(client._wire, "_call", lambda *_: batch)
    assert not any(client.decide_many([READS]))
    client.close()


class Liar:
    """Greets, and then says to each question what a test wants."""

    def __init__(self, path: Path) -> None:
        self.path, self.says, self._open = path, b"", True
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._open:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1.0)
                try:
                    while data := connection.recv(65536):
                        _, kind, number = HEAD.unpack_from(data)
                        if kind == Kind.HELLO:
                            connection.sendall(frame(Kind.WELCOME, number, pack({"protocol": PROTOCOL})))
                        else:
                            connection.sendall(self.says)
                except OSError:
                    pass

    def close(self) -> None:
        self._open = False
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(SOON)


GRANTED = [True, "allow", "permitted", ["r"], [], [], [], "rev", "", []]
LIES: dict[str, bytes] = {
    "of another question": frame(Kind.ANSWER, 99, pack([0, GRANTED, None, None, "e", ""])),
    "of another kind": frame(Kind.RESULT, 2, pack([0, GRANTED, None, None, "e", ""])),
    "a leaf that was never told": frame(Kind.ANSWER, 2, pack([0, None, None, None, "e", ""])),
    "a leaf of no number": frame(Kind.ANSWER, 2, pack([-1, GRANTED, None, None, "e", ""])),
    "an outcome that is not known": frame(
        Kind.ANSWER, 2, pack([0, [True, "maybe", *GRANTED[2:]], None, None, "e", ""])
    ),
    "a reason that is not known": frame(
        Kind.ANSWER, 2, pack([0, [True, "allow", "because", *GRANTED[3:]], None, None, "e", ""])
    ),
    "an allow that says no": frame(Kind.ANSWER, 2, pack([0, [False, *GRANTED[1:]], None, None, "e", ""])),
    "a deny that says yes": frame(
        Kind.ANSWER, 2, pack([0, [True, "deny", "forbidden", *GRANTED[3:]], None, None, "e", ""])
    ),
    "an obligation that nobody handles": frame(Kind.ANSWER, 2, pack([0, [*GRANTED[:9], ["log"]], None, None, "e", ""])),
    "no lease": frame(Kind.ANSWER, 2, pack([0, GRANTED, 1, None, "e", ""])),
    "a lease that is over before it begins": frame(Kind.ANSWER, 2, pack([0, GRANTED, 1, -1, "e", ""])),
    "one more than was asked for": frame(Kind.ANSWER, 1, pack([0, GRANTED, None, None, "e", ""]))
    + frame(Kind.ANSWER, 2, pack([0, GRANTED, None, None, "e", ""])),
    "nothing": frame(Kind.ANSWER, 2, pack(None)),
    "a frame that is too long": HEAD.pack(2**31, Kind.ANSWER, 2) + b"x",
    "an error that says nothing": frame(Kind.ERROR, 2, pack([])),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("is_async", [False, True])
def test_no_lie_is_an_allow(tmp_path: Path, name: str, is_async: bool) -> None:
    liar = Liar(tmp_path / "l")
    liar.says = LIES[name]
    make: Any = Loop if is_async else pdp.connect
    client = make(f"unix:{liar.path}", timeout=0.2, leases=False)
    try:
        assert client.allows(*READS) is False
        assert client.decide(*READS).reason in ("source_failed", "permitted")
        assert not client.decide(*READS)
    finally:
        ended(client)
        liar.close()


def test_the_liar_can_be_believed(tmp_path: Path) -> None:
    liar = Liar(tmp_path / "l")
    liar.says = frame(Kind.ANSWER, 2, pack([0, GRANTED, None, None, "e", ""]))
    with pdp.connect(f"unix:{liar.path}", timeout=0.5, leases=False) as client:
        assert client.allows(*READS)
    liar.close()


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError, OSError])
def test_what_fails_within_a_client_is_a_deny(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch, error: type) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error("no")

    with pdp.connect(sidecar.target, leases=False) as client:
        for owner, name in ((client._keys, "packed"), (client._wire, "check"), (client._leases, "find")):
            with monkeypatch.context() as patch:
                patch.setattr(type(owner), name, fail)
                assert client.allows(*READS) is False
                assert not client.decide(*READS)


def test_a_task_that_is_cancelled_takes_its_question_and_no_other(sidecar: Sidecar) -> None:
    async def ask() -> None:
        async with pdp.connect_async(sidecar.target, leases=False) as client:
            for lap in range(30):
                tasks = [asyncio.create_task(client.answer(READS if n % 2 else DENIED)) for n in range(20)]
                await asyncio.sleep(0 if lap % 3 else 0.001)
                for task in tasks[lap % 4 :: 4]:
                    task.cancel()
                found = await asyncio.gather(*tasks, return_exceptions=True)

                for number, decision in enumerate(found):
                    if isinstance(decision, pdp.Decision):
                        assert bool(decision) is bool(number % 2)
            assert await client.allows(*READS)

    asyncio.run(asyncio.wait_for(ask(), 20))


@pytest.mark.parametrize("protocol", ["sync", "async"])
def test_who_asks_a_socket_of_grpc_by_frames_is_told_how_to(sidecar: Sidecar, protocol: str) -> None:
    target = sidecar.grpc.removeprefix("grpc:")
    client: Any = pdp.connect(target, timeout=1.0) if protocol == "sync" else Loop(target, timeout=1.0)

    decision = client.decide(*READS)

    ended(client)
    assert f"connect to {sidecar.grpc}" in decision.detail


def test_a_file_of_tls_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.pem")
    with pdp.connect("grpcs://127.0.0.1:1", ca=missing) as client:
        assert f"{missing} cannot be read: No such file" in client.decide(*READS).detail
    with pytest.raises(pdp.RequestError, match="`ca`, `certificate` or `key` cannot be used: No such file"):
        pdp.connect("https://127.0.0.1:1", ca=missing)
