"""What the server of frames takes, and of whom; what it closes."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp_sidecar.callers import Callers, May, caller
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, Kind, frame, question
from pdp_sidecar.frames.options import Options
from pdp_sidecar.frames.server import start
from pdp_sidecar.frames.values import pack, packer, unpack
from pdp_sidecar.service import Service
from tests.sidecar.client.running import SOON, Sidecar, running, until
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, WITH_MFA, engine

READS = question(pdp.Request(ADA, "read", HOME), packer())
HELLO = frame(Kind.HELLO, 1, pack({"protocol": PROTOCOL}))


class Peer:
    """Whoever is at the other end, and says whatever it likes."""

    def __init__(self, path: Path, *, greets: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SOON)
        self.socket.connect(str(path))
        self._left = b""
        if greets:
            self.say(HELLO)
            assert self.hear()[0] == Kind.WELCOME

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> tuple[int, int, Any]:
        while len(self._left) < HEAD.size or len(self._left) < HEAD.size + HEAD.unpack_from(self._left)[0]:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._left += data
        size, kind, number = HEAD.unpack_from(self._left)
        body, self._left = self._left[HEAD.size : HEAD.size + size], self._left[HEAD.size + size :]
        return kind, number, unpack(body)

    def is_closed(self) -> bool:
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


@pytest.fixture
def sidecar(tmp_path):
    with running(engine(), tmp_path / "s", max_frame=4096, max_connections=5, max_in_flight=2, max_batch=3) as found:
        yield found


def test_many_questions_are_answered_in_their_order(sidecar: Sidecar):
    denied = question(pdp.Request(BEN, "read", PLAN), packer())
    with Peer(sidecar.path) as peer:
        peer.say(b"".join(frame(Kind.CHECK, number, denied if number % 2 else READS) for number in range(1000)))
        heard = [peer.hear() for _ in range(1000)]

    assert [number for _, number, _ in heard] == list(range(1000))
    assert {kind for kind, _, _ in heard} == {Kind.ANSWER}
    assert [fields[0] for _, _, fields in heard] == [0, 1] * 500
    assert [fields[1] is None for _, _, fields in heard] == [False, False, *[True] * 998]


@pytest.mark.parametrize(
    "said",
    [
        frame(Kind.CHECK, 1, READS),
        frame(Kind.HELLO, 1, pack({"protocol": PROTOCOL + 1})),
        frame(Kind.HELLO, 1, pack({"protocol": True})),
        frame(Kind.HELLO, 1, pack({"protocol": PROTOCOL, "handles": "log"})),
        frame(Kind.HELLO, 1, pack(None)),
        frame(Kind.HELLO, 1, b"\xc1"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff" * 32,
    ],
)
def test_whoever_does_not_greet_is_not_answered(sidecar: Sidecar, said):
    with Peer(sidecar.path, greets=False) as peer:
        peer.say(said)

        assert peer.hear()[0] == Kind.ERROR
        assert peer.is_closed()


def test_a_frame_that_is_too_long_ends_the_connection(sidecar: Sidecar):
    with Peer(sidecar.path) as peer:
        peer.say(HEAD.pack(4097, Kind.CHECK, 2))

        assert peer.hear()[2][0] == "too_large"
        assert peer.is_closed()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.CHECK, b""),
        (Kind.CHECK, b"\xc1"),
        (Kind.CHECK, pack([])),
        (Kind.CHECK, pack(["User", "ada", "read", "Page", 1])),
        (Kind.CHECK, pack({})),
        (Kind.CHECK, READS + b"\x00"),
        (Kind.MANY, pack([[]])),
        (Kind.MANY, pack(None)),
        (Kind.MANY, b"\x94" + READS * 4),
        (Kind.REVOKE, pack([])),
        (Kind.SEARCH, pack(["decide", [], {}])),
        (Kind.SEARCH, pack(["who_can", [], {"odd": 1}])),
        (Kind.SEARCH, pack([["who_can"], [], {}])),
        (Kind.SUBSCRIBE, pack(1)),
    ],
)
def test_what_cannot_be_read_is_an_error_and_the_next_question_is_answered(sidecar: Sidecar, kind, body):
    with Peer(sidecar.path) as peer:
        peer.say(frame(kind, 2, body) + frame(Kind.CHECK, 3, READS))

        assert [peer.hear()[:2] for _ in range(2)] == [(Kind.ERROR, 2), (Kind.ANSWER, 3)]


def test_a_revocation_of_nothing_is_an_error(sidecar: Sidecar):
    with Peer(sidecar.path) as peer:
        for target in ({}, {"principal": ADA, "session": "s"}, {"odd": 1}, {"principal": "ada"}):
            peer.say(frame(Kind.REVOKE, 2, pack(target)))

            kind, _, fields = peer.hear()
            assert (kind, fields[0]) == (Kind.ERROR, "invalid_request"), target


def test_a_kind_that_there_is_none_of_ends_the_connection(sidecar: Sidecar):
    with Peer(sidecar.path) as peer:
        peer.say(frame(200, 2, pack(None)))

        assert peer.hear()[2][0] == "unsupported"
        assert peer.is_closed()


def test_connections_are_bounded(sidecar: Sidecar):
    peers = [Peer(sidecar.path) for _ in range(5)]
    with Peer(sidecar.path, greets=False) as peer:
        assert peer.hear()[2][0] == "busy"
        assert peer.is_closed()
    peers.pop().socket.close()
    until(lambda: len(sidecar.server.connections) == 4)

    with Peer(sidecar.path):
        pass
    for each in peers:
        each.socket.close()


def test_what_takes_long_is_bounded_and_the_rest_goes_on(sidecar: Sidecar, monkeypatch):
    going = threading.Event()
    monkeypatch.setattr(sidecar.service, "explain", lambda *_: going.wait(SOON) and sidecar.engine.explain)
    with Peer(sidecar.path) as peer:
        peer.say(b"".join(frame(Kind.EXPLAIN, number, READS) for number in range(3)) + frame(Kind.CHECK, 9, READS))

        kind, number, fields = peer.hear()
        assert (kind, number, fields[0]) == (Kind.ERROR, 2, "busy")
        assert peer.hear()[:2] == (Kind.ANSWER, 9)
        going.set()


@pytest.mark.parametrize(
    ("limits", "said", "greets"),
    [
        ({"handshake_timeout": 0.1}, b"", False),
        ({"handshake_timeout": 0.1}, HELLO[:5], False),
        ({"frame_timeout": 0.1}, frame(Kind.CHECK, 2, READS)[:20], True),
        ({"idle_timeout": 0.1}, frame(Kind.CHECK, 2, READS), True),
    ],
)
def test_whoever_takes_too_long_is_closed(tmp_path, limits, said, greets):
    with running(engine(), tmp_path / "s", **limits) as sidecar, Peer(sidecar.path, greets=greets) as peer:
        peer.say(said)

        assert peer.is_closed()


def test_a_byte_at_a_time_does_not_keep_a_frame_open(tmp_path):
    with (
        running(engine(), tmp_path / "s", frame_timeout=0.2) as sidecar,
        Peer(sidecar.path) as peer,
        # Whichever step finds it closed.
        pytest.raises(OSError),
    ):
        for byte in frame(Kind.CHECK, 2, READS) * 20:
            peer.say(bytes((byte,)))
            threading.Event().wait(0.05)


def test_whoever_listens_and_takes_nothing_is_closed_before_it_takes_much_room(tmp_path):
    with running(engine(), tmp_path / "s", max_unsent=2**16, max_watches=4000) as sidecar, Peer(sidecar.path) as peer:
        peer.say(b"".join(frame(Kind.SUBSCRIBE, number, READS) for number in range(3000)))
        until(lambda: len(sidecar.server.connections) == 0 or _watched(sidecar) == 3000)
        for level in range(40):
            sidecar.engine.upsert_entity(pdp.Entity("Page", "home", {"public": level % 2 == 1, "level": 0}))
            if not sidecar.server.connections:
                break

        until(lambda: not sidecar.server.connections)


def _watched(sidecar: Sidecar) -> int:
    return sum(len(each._watched) for each in sidecar.server.connections)


def test_a_watch_of_a_client_that_handles_obligations_turns_with_them(tmp_path):
    with (
        running(engine(), tmp_path / "s") as sidecar,
        pdp.connect(sidecar.target, handles=["log"]) as remote,
        pdp.connect(sidecar.target) as other,
    ):
        watch = remote.watch(pdp.Request(ADA, "edit", PLAN, {}, WITH_MFA))
        idle = other.watch(pdp.Request(ADA, "edit", PLAN, {}, WITH_MFA))
        assert (str(watch.state), str(idle.state)) == ("allowed", "suspended")

        for level, state in ((5, "suspended"), (1, "allowed"), (9, "suspended"), (2, "allowed")):
            sidecar.engine.upsert_entity(pdp.Entity("Page", "plan", {"public": False, "level": level}))
            until(lambda state=state: str(watch.state) == state)
            assert str(idle.state) == "suspended"


def test_whoever_is_not_known_is_refused(tmp_path):
    async def serve() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "s"))
        strangers = Callers(by_uid={os.getuid() + 1: caller("another")})
        server = await start(Service(engine()), strangers, Options(), listening)
        found = await asyncio.to_thread(ask)
        await server.drain(0.1)
        listening.close()
        assert found == (False, "source_failed", "unauthenticated")

    def ask() -> tuple[bool, str, str]:
        with pdp.connect(f"unix:{tmp_path / 's'}", timeout=0.3) as remote:
            with pytest.raises(pdp.RemoteError) as raised:
                remote.status()
            return remote.allows(ADA, "read", HOME), str(remote.decide(ADA, "read", HOME).reason), raised.value.code

    asyncio.run(serve())


def test_a_socket_of_another_family_is_refused():
    async def serve() -> None:
        with socket.create_server(("127.0.0.1", 0)) as place, pytest.raises(ValueError, match="Unix socket"):
            await start(Service(engine()), Callers(), Options(), place)

    asyncio.run(serve())


def test_who_may_not_watch_keeps_nothing_and_is_answered_all_the_same(tmp_path):
    shop = caller("shop", [May.CHECK])
    with running(engine(), tmp_path / "s", shop) as sidecar, pdp.connect(sidecar.target) as remote:
        assert remote.allows(ADA, "read", HOME)
        until(lambda: remote._listening._watching.failure.code == "not_permitted")

        assert remote.allows(ADA, "read", HOME)
        assert not remote._leases.held.young
        assert str(remote.watch(pdp.Request(ADA, "read", HOME)).state) == "failed"


@pytest.mark.parametrize("name", ["asked", "fields_of", "frame"])
def test_whatever_fails_within_the_server_is_no_allow(tmp_path, monkeypatch, name):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, timeout=0.3, leases=False) as remote:
        assert remote.allows(ADA, "read", HOME)
        for error in (MemoryError, RecursionError, KeyError):

            def fail(*_: object, error: type[Exception] = error) -> None:
                raise error("no")

            with monkeypatch.context() as patch:
                patch.setattr(f"pdp_sidecar.frames.connection.{name}", fail)
                assert not remote.allows(ADA, "read", HOME)
        assert remote.allows(ADA, "read", HOME)


def test_it_answers_by_uvloop_as_well(tmp_path):
    uvloop = pytest.importorskip("uvloop")

    async def serve() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "s"))
        server = await start(Service(engine()), Callers(otherwise=caller("x")), Options(), listening)
        async with pdp.connect_async(f"unix:{tmp_path / 's'}") as remote:
            assert await asyncio.gather(*(remote.allows(ADA, "read", HOME) for _ in range(50))) == [True] * 50
            watch = await remote.watch(pdp.Request(ADA, "read", HOME))
            assert watch
        await server.drain(0.1)
        listening.close()

    uvloop.run(asyncio.wait_for(serve(), 10))


def test_pdp_imports_neither_grpc_nor_the_sidecar_and_frames_need_no_extra():
    code = (
        "import sys, pdp\n"
        "pdp.Engine, pdp.guard, pdp.connect\n"
        "assert not {name for name in sys.modules if name.partition('.')[0] in ('grpc', 'pdp_sidecar')}\n"
        "with pdp.connect('unix:/nobody', timeout=0.01) as remote:\n"
        "    assert not remote.allows(pdp.ref('User', 'ada'), 'read', pdp.ref('Page', 'home'))\n"
        "extra = {name for name in sys.modules if name.partition('.')[0] in ('grpc', 'google', 'msgspec', 'uvicorn')}\n"
        "assert not extra, extra\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, "pdp_sidecar.client.grpc", raising=False)

    with pytest.raises(pdp.RequestError, match=r"run `pip install 'pdp-engine\[sidecar\]'`"):
        pdp.connect("grpc:unix:/run/pdp.sock")


@pytest.mark.parametrize(
    "target",
    ["", "pdp", "redis://x", "unix:", "grpc:", "grpc://", "grpc://host:1", "grpcs:host:1", "http://", "https://u@h", 5],
)
def test_a_target_that_there_is_no_client_for_is_refused(target):
    with pytest.raises(pdp.RequestError):
        pdp.connect(target)
