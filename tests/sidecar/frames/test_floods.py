"""What clients do that would fill the memory of a server, or keep others from being told."""

from __future__ import annotations

import threading

import pytest

import pdp
from pdp.search import Page
from pdp_sidecar.frames.codec import Kind, frame, question
from pdp_sidecar.frames.connection import Connection
from pdp_sidecar.frames.subscriptions import Subscriptions
from pdp_sidecar.frames.values import pack, packer
from tests.sidecar.client.running import SOON, running, until
from tests.sidecar.frames.test_server import READS, Peer
from tests.sidecar.scene import ADA, BEN, HOME, engine

NOTHING = frame(Kind.UNSUBSCRIBE, 7, pack("x" * 97))


def test_what_comes_faster_than_it_is_answered_waits_at_the_other_end(tmp_path, monkeypatch):
    longest, received = 0, Connection.data_received

    def measured(self: Connection, data: bytes) -> None:
        nonlocal longest
        received(self, data)
        longest = max(longest, len(self._buffer))

    monkeypatch.setattr(Connection, "data_received", measured)
    with running(engine(), tmp_path / "s", max_frame=4096) as sidecar, Peer(sidecar.path) as peer:
        peer.say(NOTHING * 40_000 + frame(Kind.CHECK, 2, READS))

        assert peer.hear()[:2] == (Kind.ANSWER, 2)
    assert longest < 2**19


def test_watches_that_are_given_up_before_they_are_open_count_until_they_are(tmp_path, monkeypatch):
    going = threading.Event()
    with running(engine(), tmp_path / "s", max_watches=2) as sidecar, Peer(sidecar.path) as peer:
        service_watch = sidecar.service.watch
        monkeypatch.setattr(sidecar.service, "watch", lambda *given: going.wait(SOON) and service_watch(*given))
        peer.say((frame(Kind.SUBSCRIBE, 7, READS) + frame(Kind.UNSUBSCRIBE, 7, pack(None))) * 3)

        kind, number, fields = peer.hear()
        assert (kind, number, fields[0]) == (Kind.ERROR, 7, "busy")
        going.set()
        until(lambda: not any(len(each._watched) for each in sidecar.server.connections))
        peer.say(frame(Kind.SUBSCRIBE, 8, READS))
        assert peer.hear()[:2] == (Kind.CHANGE, 8)


def test_searches_take_turns_and_a_revocation_waits_for_none(tmp_path, monkeypatch):
    going, lock, begun = threading.Event(), threading.Lock(), []

    def who_can(*_: object, **__: object) -> Page[object]:
        with lock:
            begun.append(True)
        going.wait(SOON)
        return Page(())

    search = pack(["who_can", ["User", "read", HOME], {}])
    with running(engine(), tmp_path / "s") as sidecar:
        monkeypatch.setattr(sidecar.service, "who_can", who_can)
        # Whoever has gone is searched for all the same, and counts.
        for _ in range(3):
            with Peer(sidecar.path) as peer:
                peer.say(b"".join(frame(Kind.SEARCH, number, search) for number in range(8)))
                peer.say(frame(Kind.CHECK, 9, READS))
                assert peer.hear()[:2] == (Kind.ANSWER, 9)
        with Peer(sidecar.path) as peer:
            peer.say(b"".join(frame(Kind.SEARCH, number, search) for number in range(8)))
            peer.say(frame(Kind.REVOKE, 9, pack({"principal": ADA})))

            assert peer.hear()[:2] == (Kind.RESULT, 9)
            assert len(begun) <= 2
            going.set()
            assert {peer.hear()[1] for _ in range(8)} == {*range(8)}


def test_a_connection_that_cannot_be_told_keeps_nobody_else_from_being_told(tmp_path, monkeypatch):
    with (
        running(engine(), tmp_path / "s", beat_interval=0.02) as sidecar,
        Peer(sidecar.path) as broken,
        Peer(sidecar.path) as other,
    ):
        for peer in (other, broken):
            peer.say(frame(Kind.BEATS, 0, pack(None)))
            assert peer.hear()[0] == Kind.BEAT
        first = next(iter(sidecar.server.connections))
        monkeypatch.setattr(first._watched, "look_at_all", _fails)
        sidecar.engine.revoke(principal=ADA)

        assert [_goes_on(peer) for peer in (broken, other)].count(True) == 1


def _fails() -> None:
    raise MemoryError


def _goes_on(peer: Peer) -> bool:
    try:
        return all(peer.hear()[0] == Kind.BEAT for _ in range(5))
    except (EOFError, ConnectionError):
        return False


def test_a_change_that_cannot_be_told_ends_the_watch_and_says_so(tmp_path, monkeypatch):
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target) as remote:
        watch = remote.watch(pdp.Request(ADA, "read", HOME))
        assert watch

        monkeypatch.setattr("pdp_sidecar.frames.connection.frame", _no_change)
        sidecar.engine.revoke(principal=ADA)

        until(lambda: not watch)
        monkeypatch.undo()
        assert not remote.allows(ADA, "read", HOME)


def _no_change(kind: int, number: int, body: bytes) -> bytes:
    if kind == Kind.CHANGE:
        raise MemoryError
    return frame(kind, number, body)


@pytest.mark.parametrize("action", ["rea\ud800d", "read"])
def test_what_is_told_of_half_a_character_is_told(tmp_path, action):
    asked = pdp.Request(ADA, action, HOME)
    with running(engine(), tmp_path / "s") as sidecar, Peer(sidecar.path) as peer:
        peer.say(frame(Kind.CHECK, 2, question(asked, packer())) + frame(Kind.SUBSCRIBE, 3, question(asked, packer())))

        heard = [peer.hear() for _ in range(2)]
        decision = sidecar.engine.answer(asked)
    assert [each[:2] for each in heard] == [(Kind.ANSWER, 2), (Kind.CHANGE, 3)]
    assert heard[0][2][1][2] == decision.reason
    assert heard[0][2][1][8] == decision.detail


def test_what_an_engine_tells_of_by_itself_is_not_looked_at_with_each_change(tmp_path, monkeypatch):
    looked, look = [], Subscriptions.look
    with running(engine(), tmp_path / "s") as sidecar, pdp.connect(sidecar.target, handles=["log"]) as remote:
        allowed = remote.watch(pdp.Request(ADA, "read", HOME))
        denied = remote.watch(pdp.Request(BEN, "edit", HOME))
        assert allowed
        assert not denied
        monkeypatch.setattr(Subscriptions, "look", lambda self, number: looked.append(number) or look(self, number))

        sidecar.engine.upsert_entity(pdp.Entity("User", "zoe"))
        until(lambda: looked)

        assert {*looked} == {denied.due}
