"""People approve by way of a sidecar, which vouches for whoever proved to it who they are, and for nobody else."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

import pdp
from pdp.identity.who import Identity
from pdp.session import Session
from pdp.values import Datetime
from pdp_sidecar.callers import Bound, Caller, Callers, May, NotPermitted, caller
from pdp_sidecar.desk import Desk
from pdp_sidecar.generated import admin_service_pb2 as pb
from pdp_sidecar.identifying import Identifying
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.service import Service
from tests.approvals.places import HOUR, NOW, Place, signer, user
from tests.sidecar.identity.scene import Issuers
from tests.sidecar.rpc.serving import Client, run, serving, status_of

LOGIN = "https://login.example.com"
PEOPLE = Caller("people", frozenset({May.CHECK, May.APPROVE}))


def identity(name: str, **more: Any) -> Identity:
    session = {"mfa": True, "methods": ["pwd", "otp"], "authenticated_at": NOW - HOUR, "issued_at": NOW - HOUR}
    session |= {"expires_at": NOW + HOUR, "issuer": LOGIN, "token_id": f"t-{name}", "bound": False} | more
    until = Datetime.of(NOW + HOUR).micros
    return Identity(
        principal=user(name),
        session=Session(session),
        issuer=LOGIN,
        subject=name,
        until=until,
        digest=f"digest of {name}",
    )


def proven(name: str, **more: Any) -> Caller:
    return Caller("people", PEOPLE.may, identity=identity(name, **more))


class Office(Place):
    """A place with a desk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        desk = {"Agent:helper": [{"key": signer("desk").key, "may_vouch": {"User": [LOGIN]}}]}
        self.keys.write_text(json.dumps(json.loads(self.keys.read_text()) | desk))
        self.desk = Desk(self.engine, self.store, signer("desk"))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_whoever_proved_who_they_are_approves(office: Office) -> None:
    id_ = office.ask()
    before = office.allows()

    found = office.desk.approve(proven("bo"), id_, "seen it")

    assert (before, office.allows()) == (False, True)
    assert [each.approver for each in found.approvals] == [user("bo")]
    assert (found.tokens[user("bo")].subject, found.tokens[user("bo")].token) == ("bo", "digest of bo")


def test_whoever_proved_who_they_are_rejects(office: Office) -> None:
    id_ = office.ask()

    found = office.desk.reject(proven("bo"), id_, "not on a Friday")

    assert (found.closed, found.closed_by, office.desk.pending(proven("cy"))) == ("rejected", user("bo"), [])


@pytest.mark.parametrize("name", ["ada", "eve", "nobody"])
def test_who_may_not_approve_does_not_by_a_desk_either(office: Office, name: str) -> None:
    id_ = office.ask()

    with pytest.raises(pdp.RequestError):
        office.desk.approve(proven(name), id_)

    assert not office.allows()


@pytest.mark.parametrize(
    "who", [caller("pep"), Caller("pep", frozenset(May)), Caller("watcher", frozenset({May.CHECK}), identity=None)]
)
def test_nobody_approves_who_did_not_prove_who_they_are(office: Office, who: Caller) -> None:
    id_ = office.ask()

    for act in (office.desk.approve, office.desk.reject):
        with pytest.raises(NotPermitted):
            act(who, id_, "why")

    assert not office.allows()
    assert len(office.desk.pending(proven("bo"))) == 1


def test_whoever_may_not_approve_sees_nothing_of_what_is_asked(office: Office) -> None:
    office.ask()

    with pytest.raises(NotPermitted, match="`x` may not approve"):
        office.desk.pending(Caller("x", frozenset({May.CHECK}), identity=identity("bo")))


def test_who_is_revoked_since_they_signed_in_approves_nothing(office: Office) -> None:
    id_ = office.ask()
    office.engine.revoke(token="t-bo", issuer=LOGIN)

    with pytest.raises(pdp.RequestError, match="is revoked"):
        office.desk.approve(proven("bo"), id_)


# ---------------------------------------------------------------------------------------------------------- over gRPC


@asynccontextmanager
async def asked(office: Office, folder: Path, *, desk: bool = True) -> AsyncIterator[Client]:
    known = {f"token-of-{name}": identity(name) for name in ("ada", "bo", "cy", "eve")}
    callers = Callers(by_uid={os.getuid(): caller("ours")}, by_principal=((Bound("User"), PEOPLE),))
    clock = Issuers(known).clock
    clock.micros = Datetime.of(datetime.now(UTC)).micros if office.now != NOW else Datetime.of(NOW).micros
    identifying = Identifying(Issuers(known, clock), office.engine)
    service = Service(office.engine, identifying=identifying, desk=office.desk if desk else None)
    async with serving(folder, service, Options(), callers) as client:
        yield client


def by(name: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer token-of-{name}"),)}


def test_a_request_is_shown_and_approved_over_grpc(office: Office, tmp_path: Path) -> None:
    id_ = office.ask()

    async def test() -> Any:
        async with asked(office, tmp_path) as client:
            waiting = await client.admin.Pending(pb.PendingRequest(), **by("bo"))
            done = await client.admin.Approve(pb.ApproveRequest(id=id_, why="seen it"), **by("bo"))
            return waiting, done, client.service.epoch

    waiting, done, epoch = run(test())

    (shown,) = waiting.requests
    assert (shown.id, shown.principal.id, shown.action, shown.resource.id) == (id_, "ada", "restart", "api")
    assert (shown.asked_by.id, shown.why, len(shown.approvers), shown.closed) == ("ada", "INC-42", 0, "")
    assert [each.id for each in done.request.approvers] == ["bo"]
    assert done.epoch == epoch
    assert office.allows()


def test_a_request_is_rejected_over_grpc(office: Office, tmp_path: Path) -> None:
    id_ = office.ask()

    async def test() -> Any:
        async with asked(office, tmp_path) as client:
            return await client.admin.Reject(pb.RejectRequest(id=id_, why="no"), **by("bo"))

    assert run(test()).request.closed == "rejected"
    assert not office.allows()


def test_what_is_refused_over_grpc_says_why(office: Office, tmp_path: Path) -> None:
    id_ = office.ask()

    async def test() -> Any:
        async with asked(office, tmp_path) as client:
            admin = client.admin
            return [
                await status_of(admin.Approve(pb.ApproveRequest(id=id_))),
                await status_of(admin.Approve(pb.ApproveRequest(id=id_), **by("ada"))),
                await status_of(admin.Approve(pb.ApproveRequest(), **by("bo"))),
                await status_of(admin.Reject(pb.RejectRequest(id=id_), **by("bo"))),
                await status_of(admin.Approve(pb.ApproveRequest(id=id_), **by("mallory"))),
            ]

    mine, own, none, silent, unknown = run(test())

    assert mine[0] is grpc.StatusCode.PERMISSION_DENIED
    assert "did not prove to be anybody" in mine[1]
    assert own == (grpc.StatusCode.INVALID_ARGUMENT, 'User "ada" asked for it, and does not approve it')
    assert none == (grpc.StatusCode.INVALID_ARGUMENT, "there is no request ``")
    assert silent == (grpc.StatusCode.INVALID_ARGUMENT, "a reason is needed: who reads it decides by it")
    assert unknown[0] is grpc.StatusCode.UNAUTHENTICATED
    assert not office.allows()


def test_a_server_without_a_desk_approves_nothing(office: Office, tmp_path: Path) -> None:
    id_ = office.ask()

    async def test() -> Any:
        async with asked(office, tmp_path, desk=False) as client:
            return await status_of(client.admin.Approve(pb.ApproveRequest(id=id_), **by("bo")))

    assert run(test()) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "access is not approved here: the server has no desk",
    )
