"""Clients in Python: they ask for whom a token speaks for, and show one of their own that they renew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.errors import RemoteError, RequestError
from pdp.identity.who import Bearer, Shown
from pdp.model import Request
from pdp_sidecar.callers import Caller, Callers
from pdp_sidecar.client.wire import Asker
from pdp_sidecar.frames.codec import asked, careful_question, question
from pdp_sidecar.frames.values import Unreadable, packer, unpack
from tests.sidecar.client.running import Loop, Sidecar, running, until
from tests.sidecar.identity.scene import ADA, EVERYTHING, ISSUER, PAGE, callers, engine, service

TARGETS = ["frames", "grpc", "http"]
PROOF = Shown(certificate=b"c" * 32, proofs=("p",), method="GET", url="https://x.io/")


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    beside = Caller("beside", EVERYTHING)
    who = callers(by_uid={os.getuid(): beside}, otherwise=beside)
    with running(service(), tmp_path / "s", who, "frames grpc http", beat_interval=0.05) as found:
        yield found


def target(sidecar: Sidecar, protocol: str) -> str:
    return {"frames": sidecar.target, "grpc": sidecar.grpc, "http": sidecar.http}[protocol]


@pytest.mark.parametrize("protocol", TARGETS)
def test_a_client_asks_for_whom_a_token_speaks_for(sidecar, protocol):
    with pdp.connect(target(sidecar, protocol)) as remote:
        assert remote.allows(Bearer("ada"), "read", PAGE)
        assert not remote.allows(Bearer("ada"), "edit", PAGE)
        assert remote.decide(Bearer("ada-mfa"), "edit", PAGE)
        assert remote.allows(Bearer("bound", PROOF), "read", PAGE)
        many = [Request(Bearer(each), "edit", PAGE) for each in ("ada", "ada-mfa", "expired")]
        assert [bool(each) for each in remote.decide_many(many)] == [False, True, False]


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize("token", ["expired", "audience", "bound", "", "x" * 10_000])
def test_a_token_that_is_refused_is_a_deny_that_is_not_kept(sidecar, protocol, token):
    with pdp.connect(target(sidecar, protocol)) as remote:
        remote.allows(ADA, "read", PAGE)
        for _ in range(2):
            decision = remote.decide(Bearer(token), "read", PAGE)
            assert (decision.reason, bool(decision)) == ("invalid_request", False)
            assert "the token is refused" in decision.detail
        before = len(sidecar.service.identifying._issuers.seen)
        remote.decide(Bearer(token), "read", PAGE)

        assert len(sidecar.service.identifying._issuers.seen) == before + 1


@pytest.mark.parametrize("protocol", TARGETS)
def test_in_an_event_loop_it_is_the_same(sidecar, protocol):
    remote = Loop(target(sidecar, protocol))
    try:
        assert remote.allows(Bearer("ada-mfa"), "edit", PAGE)
        assert not remote.allows(Bearer("ada"), "edit", PAGE)
    finally:
        remote.end()


def test_answers_of_a_token_are_kept_by_it_until_it_ends(sidecar):
    with pdp.connect(sidecar.target, max_staleness=60.0) as remote:
        remote.allows(ADA, "read", PAGE)
        until(lambda: remote._leases.find((ADA, "read", PAGE)) is not None or remote.allows(ADA, "read", PAGE) is None)

        def seen() -> int:
            remote.allows(Bearer("ada"), "read", PAGE)
            before = len(sidecar.service.identifying._issuers.seen)
            remote.allows(Bearer("ada"), "read", PAGE)
            return len(sidecar.service.identifying._issuers.seen) - before

        until(lambda: seen() == 0)
        sidecar.engine.revoke(token="t-1", issuer=ISSUER)
        until(lambda: not remote.allows(Bearer("ada"), "read", PAGE))


@pytest.mark.parametrize("protocol", TARGETS)
def test_a_proof_that_is_shown_again_is_not_answered_by_what_was_kept(sidecar, protocol):
    seen = sidecar.service.identifying._issuers.seen
    with pdp.connect(target(sidecar, protocol), max_staleness=60.0) as remote:
        remote.allows(ADA, "read", PAGE)
        until(lambda: protocol == "http" or remote._leases.is_trusted)
        before = len(seen)

        answers = [remote.allows(Bearer("bound", PROOF), "read", PAGE) for _ in range(5)]

        assert (answers, len(seen) - before) == ([True] * 5, 5)


@pytest.mark.parametrize("protocol", ["frames", "grpc"])
def test_what_a_token_is_denied_is_explained_and_watched(sidecar, protocol):
    with pdp.connect(target(sidecar, protocol)) as remote:
        asked_for = Request(Bearer("ada-mfa"), "edit", PAGE)
        assert remote.explain(asked_for)["decision"]["decision"] == "allow"
        with pytest.raises(RemoteError, match="token_expired"):
            remote.explain(Request(Bearer("expired"), "edit", PAGE))
        with remote.watch(asked_for) as watch:
            until(lambda: watch.state == "allowed")
            sidecar.engine.revoke(token="t-1", issuer=ISSUER)
            until(lambda: watch.state == "ended")


@pytest.mark.parametrize("protocol", ["frames", "grpc"])
def test_a_watch_of_a_token_that_is_refused_never_allows(sidecar, protocol):
    with (
        pdp.connect(target(sidecar, protocol)) as remote,
        remote.watch(Request(Bearer("expired"), "read", PAGE)) as watch,
    ):
        until(lambda: watch.state in ("ended", "failed"))


# ------------------------------------------------------------------------------------------------- its own token


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_client_shows_the_token_that_it_has_at_the_time(sidecar, protocol):
    tokens = ["ada"]

    with pdp.connect(target(sidecar, protocol), token=lambda: tokens[0]) as remote:
        plain = remote.allows(ADA, "edit", PAGE)
        tokens[0] = "ada-mfa"
        strong = remote.allows(ADA, "edit", PAGE)
        tokens[0] = "expired"
        expired = remote.decide(ADA, "edit", pdp.ref("Page", "other"))

    assert (plain, strong) == (False, True)
    assert (expired.reason, "token_expired" in expired.detail) == ("source_failed", True)


def test_what_was_kept_by_a_token_is_dropped_with_it(sidecar):
    tokens = ["ada-mfa"]

    with pdp.connect(sidecar.grpc, token=lambda: tokens[0], max_staleness=60.0) as remote:
        until(lambda: remote.allows(ADA, "edit", PAGE) and remote._leases.find((ADA, "edit", PAGE)))
        tokens[0] = "ada"
        remote.allows(ADA, "read", PAGE)

        assert not remote.allows(ADA, "edit", PAGE)


@pytest.mark.parametrize("given", [lambda: "", lambda: "a\r\nb", lambda: None, lambda: 1 / 0, lambda: "é"])
def test_without_a_token_to_show_nothing_is_asked(sidecar, given):
    with pdp.connect(sidecar.grpc, token=given) as remote:
        decision = remote.decide(ADA, "read", PAGE)

    assert (decision.reason, "unauthenticated" in decision.detail) == ("source_failed", True)


def test_what_is_no_token_is_told_at_once():
    with pytest.raises(RequestError, match="`token` is a text"):
        pdp.connect("grpc:unix:/nowhere", token=5)


def test_no_token_is_shown_by_what_holds_it():
    held = Bearer("secret"), Asker(token="secret"), Request(Bearer("secret"), "read", PAGE)

    assert "secret" not in repr(held)


@pytest.mark.parametrize("protocol", ["frames", "grpc"])
def test_a_revocation_is_that_of_one_issuer(sidecar, protocol):
    with pdp.connect(target(sidecar, protocol)) as remote:
        remote.revoke(token="t-1", issuer="https://other.example.org")
        other = remote.allows(Bearer("ada"), "read", PAGE)
        remote.revoke(token="t-1", issuer=ISSUER)

        assert (other, remote.allows(Bearer("ada"), "read", PAGE)) == (True, False)
        with pytest.raises(RemoteError):
            remote.revoke(principal=ADA, issuer=ISSUER)


# -------------------------------------------------------------------------------------------------------- the frames


def test_a_question_of_a_token_is_the_same_on_both_sides():
    given = Request(Bearer("t", PROOF), "read", PAGE, {"a": 1})

    for packed in (question(given, packer()), careful_question([*given])):
        assert asked(unpack(packed)).principal == given.principal


ODD: list[list[Any]] = [
    ["User", "read", PAGE, None, None, None, [], "t", [None, [], "", ""]],
    [None, "read", PAGE, None, None, None, [], 5, [None, [], "", ""]],
    [None, "read", PAGE, None, None, None, [], "t", None],
    [None, "read", PAGE, None, None, None, [], "t", [None, [5], "", ""]],
    [None, "read", PAGE, None, None, None, [], "t", ["c", [], "", ""]],
    [None, "read", PAGE, None, None, None, [], "t", [b"c", [], "", ""]],
    [None, "read", PAGE, None, None, None, None, "t", [None, [], "", ""]],
]


@pytest.mark.parametrize("fields", ODD)
def test_what_is_no_question_of_a_token_is_refused(fields):
    with pytest.raises(Unreadable):
        asked(fields)


def test_an_engine_in_the_same_process_takes_no_token_for_a_principal():
    assert engine().decide(Bearer("ada"), "read", PAGE).reason == "invalid_request"


def test_frames_say_who_asks_by_the_kernel(tmp_path):
    with (
        running(service(), tmp_path / "s", Callers(by_principal=callers().by_principal)) as sidecar,
        pdp.connect(sidecar.target, token="ada") as remote,
    ):
        assert "unauthenticated" in remote.decide(ADA, "read", PAGE).detail
