"""A sidecar that runs by its configuration takes logouts and a directory, and tells its issuers who revokes."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import pdp
from pdp_sidecar.callers import caller
from pdp_sidecar.config import Flags, load
from pdp_sidecar.parts import Ground
from pdp_sidecar.worker import Ending, Worker
from tests.identity.tokens import public_jwk, token

POLICY = """
type User
type Page
action read on Page by User
rule everybody_reads: permit User to read on Page
"""
IDENTITY = """
[scim]
type = "User"
token = { env = "SCIM" }

[[issuers]]
issuer = "https://id.example.org"
profile = "access-token"
audience = ["https://api.example.org"]
lifetime = "10m"
algorithms = ["RS256"]
keys = { file = "keys.json" }
principal = { type = "User", id = "sub" }
logout = { audience = ["pdp"] }
introspection = { url = "ADDRESS", client_id = "pdp", client_secret = { env = "INTROSPECTION" }, keep = 0 }
"""
SERVE = """
policies = "policies"
[listen]
http = { address = "127.0.0.1:0", plaintext = true }
[[callers]]
name = "anybody"
anyone = true
[facts]
revocations = "revoked.db"
create = true
[identity]
file = "identity.toml"
"""
SECRET = "a-secret-of-the-directory"
ISSUER = "https://id.example.org"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": ISSUER, "iat": now, "exp": now + 120} | more


class Running:
    """What a worker stands on, a client of its port, and what the issuer says of each token."""

    ground: Any
    client: httpx.Client

    def __init__(self) -> None:
        self.active: bool | None = True

    def __iter__(self) -> Iterator[Any]:
        return iter((self.ground, self.client))


@contextlib.contextmanager
def introspected(running: Running) -> Iterator[str]:
    """Serve the issuer's introspection; give its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"active": running.active}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/introspect"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = Running()
    with introspected(found) as address, served(found, tmp_path, monkeypatch, IDENTITY.replace("ADDRESS", address)):
        yield found


@contextlib.contextmanager
def served(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: str) -> Iterator[None]:
    """Run a worker in a thread."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "pages.pdp").write_text(POLICY, "utf-8")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public_jwk("RS256")]}), "utf-8")
    (tmp_path / "identity.toml").write_text(identity, "utf-8")
    (tmp_path / "serve.toml").write_text(SERVE, "utf-8")
    worker = Worker(
        load(Flags(file=str(tmp_path / "serve.toml")), {"SCIM": SECRET, "INTROSPECTION": "a-secret-of-the-client"})
    )
    up, ending, found = threading.Event(), Ending(lambda _: None), []

    def announce(ground: Ground) -> None:
        found.append((ground, asyncio.get_running_loop()))
        up.set()

    thread = threading.Thread(target=lambda: asyncio.run(worker.run(announce, ending=ending)), daemon=True)
    thread.start()
    assert up.wait(20)
    running.ground, loop = found[0]
    with httpx.Client(base_url=f"http://127.0.0.1:{running.ground.heard[0].address.port}") as running.client:
        yield
    loop.call_soon_threadsafe(ending.ask)
    thread.join(20)
    assert not thread.is_alive()


def test_logouts_and_a_directory_are_taken_where_they_are_configured(running):
    ground, client = running
    access = token(
        claims(aud="https://api.example.org", sub="ada", client_id="shop", jti="t-1", sid="s-1"), {"typ": "at+jwt"}
    )
    identity = asyncio.run(ground.issuers.identify_async(access))

    def allowed() -> bool:
        request = pdp.Request(identity.ref, "read", pdp.ref("Page", "home"), {}, identity.session)
        return bool(ground.service.check(caller("anybody"), request).decision)

    before = allowed()
    over = token(claims(aud="pdp", jti="l-1", sid="s-1", events={EVENT: {}}), {"typ": "logout+jwt"})
    logout = client.post("/backchannel-logout", data={"logout_token": over})
    after = allowed()
    scim = {"authorization": f"Bearer {SECRET}"}
    made = client.post("/scim/v2/Users", content=json.dumps({"userName": "ada"}), headers=scim)
    gone = client.delete(made.headers["location"], headers=scim)
    decided = ground.engine.decide(identity.ref, "read", pdp.ref("Page", "home"))

    assert (before, logout.status_code, after) == (True, 200, False)
    assert (made.status_code, gone.status_code, str(decided.reason)) == (201, 204, "principal_revoked")


def test_what_issuers_take_back_is_refused_and_revoked(running):
    ground, _ = running
    access = token(claims(aud="https://api.example.org", sub="ada", client_id="shop", jti="t-1"), {"typ": "at+jwt"})
    identity = asyncio.run(ground.issuers.identify_async(access))
    running.active = False

    before = ground.engine.allows(identity.ref, "read", pdp.ref("Page", "home"), session=identity.session)
    with pytest.raises(pdp.errors.TokenError) as caught:
        asyncio.run(ground.issuers.identify_async(access))
    after = ground.engine.allows(identity.ref, "read", pdp.ref("Page", "home"), session=identity.session)

    assert (before, caught.value.code, after) == (True, "token_inactive", False)


def test_a_token_that_nobody_confirms_is_refused_and_not_revoked(running):
    ground, _ = running
    access = token(claims(aud="https://api.example.org", sub="ada", client_id="shop", jti="t-1"), {"typ": "at+jwt"})
    running.active = None

    with pytest.raises(pdp.errors.TokenError) as caught:
        ground.issuers.identify(access)

    assert (caught.value.code, caught.value.passing) == ("token_unconfirmed", True)
    assert ground.engine.revoked == 0
    assert any("the answer does not say whether the token is active" in each for each in ground.issuers.problems())
