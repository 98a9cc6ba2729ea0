"""A whole sidecar, with its configuration, its tokens and its desk: access is denied, asked for, approved and there."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import pdp
from pdp_sidecar.callers import Caller, May
from pdp_sidecar.config import Flags, load
from pdp_sidecar.parts import Ground
from tests.identity.tokens import public_jwk
from tests.sidecar.identity.scene import ISSUER
from tests.sidecar.identity.test_worker import IDENTITY, SERVE, fresh, running

POLICY = """
type Group
type User in Group
type Service
action restart on Service by User
rule restarted: permit User to restart on Service needs approval from Group "reviewers" for 4h
"""
MORE = """
[facts]
approvals = "approvals.db"
keys = "keys-of-people.json"
desk = { file = "desk.pem" }
[authzen]
identifier = "https://pdp.example.com"
access_requests = true
"""
ASKED = {"action": {"name": "restart"}, "resource": {"type": "Service", "id": "api"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "services.pdp").write_text(POLICY, "utf-8")
    people = [{"type": "Group", "id": "reviewers"}, {"type": "User", "id": "ada"}]
    people.append({"type": "User", "id": "bo", "in": ['Group "reviewers"']})
    (tmp_path / "policies" / "people.entities.json").write_text(json.dumps({"entities": people}), "utf-8")
    (tmp_path / "serve.toml").write_text(SERVE.replace('"check", "status"', '"check", "approve"') + MORE, "utf-8")
    (tmp_path / "identity.toml").write_text(IDENTITY, "utf-8")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public_jwk("RS256")]}), "utf-8")
    desk = pdp.Signer.create(tmp_path / "desk.pem")
    vouches = {"Service:desk": [{"key": desk.key, "may_vouch": {"User": [ISSUER]}}]}
    (tmp_path / "keys-of-people.json").write_text(json.dumps(vouches), "utf-8")
    keys = tmp_path / "keys-of-people.json"
    pdp.ApprovalStore(tmp_path / "approvals.db", keys=keys, create=True).close()
    return tmp_path


def approve(ground: Ground, name: str) -> None:
    """Approve what waits, by a token of somebody: whoever may not has done nothing."""
    assert ground.issuers is not None
    assert ground.service.desk is not None
    who = Caller("people", frozenset({May.APPROVE}), identity=ground.issuers.identify(fresh(sub=name, jti=f"t-{name}")))
    (waiting,) = ground.service.desk.pending(who)
    with contextlib.suppress(pdp.RequestError):
        ground.service.desk.approve(who, waiting.id)


def test_access_is_denied_asked_for_approved_and_there(folder: Path) -> None:
    def test(ground: Ground, http: str, _: str) -> Any:
        with httpx.Client(base_url=http, headers={"authorization": f"Bearer {fresh(sub='ada')}"}) as asking:
            denied = asking.post("/access/v1/evaluation", json=ASKED, headers={"x-pdp-reasons": "true"}).json()
            offered = denied["context"]["access_request"]
            shown = {"binding_token": offered["binding_token"], "expires_at": offered["expires_at"]}
            submission = {**ASKED, "context": {"business_justification": "INC-42"}, "denial": shown}
            submitted = asking.post("/access/v1/requests", json=submission)
            path = submitted.json()["task"]["status_endpoint"].removeprefix("https://pdp.example.com")
            waiting = asking.get(path).json()["task"]["status"]
            approve(ground, "ada")
            still = asking.get(path).json()["task"]["status"]
            approve(ground, "bo")
            done = asking.get(path).json()["task"]["status"]
            allowed = asking.post("/access/v1/evaluation", json=ASKED).json()["decision"]
        return denied["decision"], submitted.status_code, waiting, still, done, allowed

    configuration = load(Flags(file=str(folder / "serve.toml")), {})

    assert running(configuration, test) == (False, 202, "pending", "pending", "approved", True)
