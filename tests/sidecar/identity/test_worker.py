"""A whole sidecar: it waits for keys before it listens, says what is wrong with them, and holds policies to them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pdp_sidecar.config import Configuration, Flags, load
from pdp_sidecar.parts import Ground
from pdp_sidecar.worker import Ending, Worker
from tests.identity.tokens import public_jwk, token
from tests.sidecar.client.running import until
from tests.sidecar.identity.scene import ISSUER, POLICY

IDENTITY = f"""
[[issuers]]
issuer = "{ISSUER}"
profile = "access-token"
audience = ["pdp"]
lifetime = "1h"
algorithms = ["RS256"]
keys = {{ file = "keys.json" }}
principal = {{ type = "User", id = "sub", groups = {{ Group = "groups" }} }}
"""
SERVE = """
policies = "policies"
[listen]
http = { address = "127.0.0.1:0", plaintext = true }
operations = { address = "127.0.0.1:0", plaintext = true }
[identity]
file = "identity.toml"
wait = 0.2
[[callers]]
name = "people"
identity = "User"
may = ["check", "status"]
[reload]
settle = 0.01
[operations.log]
level = "error"
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Configuration]]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "pages.pdp").write_text(POLICY, "utf-8")
    pages = [{"type": "Page", "id": "home", "attributes": {"level": 1}}, {"type": "Group", "id": "editors"}]
    (tmp_path / "policies" / "pages.entities.json").write_text(json.dumps({"entities": pages}), "utf-8")
    (tmp_path / "serve.toml").write_text(SERVE, "utf-8")

    def configured(identity: str = IDENTITY, keys: bool = True) -> Configuration:
        (tmp_path / "identity.toml").write_text(identity, "utf-8")
        if keys:
            (tmp_path / "keys.json").write_text(json.dumps({"keys": [public_jwk("RS256")]}), "utf-8")
        return load(Flags(file=str(tmp_path / "serve.toml")), {})

    yield configured
    root.handlers[:], root.level = handlers, level


def running(configuration: Configuration, test: Callable[[Ground, str, str], Any]) -> Any:
    """Run a sidecar while a test asks it, and return what the test does."""
    ending, asking = Ending(lambda _: None), list[asyncio.Task[Any]]()

    async def ask(ground: Ground) -> Any:
        urls = {each.protocol: f"http://{each.address}" for each in ground.heard}
        try:
            return await asyncio.to_thread(test, ground, urls["http"], urls["operations"])
        finally:
            ending.ask()

    worker = Worker(configuration)
    run = worker.run(lambda ground: asking.append(asyncio.ensure_future(ask(ground))), ending=ending)
    asyncio.run(asyncio.wait_for(run, 30))
    return asking[0].result()


def fresh(**claims: Any) -> str:
    """Return a token by the time of the machine."""
    now = int(time.time())
    given = {"iss": ISSUER, "sub": "eve", "aud": "pdp", "client_id": "web", "iat": now, "exp": now + 600, "jti": "t-1"}
    return token({**given, "groups": ["editors"], **claims}, {"typ": "at+jwt"})


def evaluated(url: str, given: str, action: str = "read") -> tuple[int, Any]:
    document = {"action": {"name": action}, "resource": {"type": "Page", "id": "home"}}
    answer = httpx.post(f"{url}/access/v1/evaluation", json=document, headers={"authorization": f"Bearer {given}"})
    return answer.status_code, answer.json() if answer.status_code == 200 else answer.text


def test_a_sidecar_takes_the_tokens_of_its_issuers(configured):
    def test(ground: Ground, url: str, operations: str) -> Any:
        told = evaluated(url, fresh()), evaluated(url, fresh(amr=["mfa"]), "edit"), evaluated(url, fresh(aud="x"))
        return told, httpx.get(f"{operations}/metrics").text, httpx.get(f"{operations}/readyz").status_code

    (read, edit, other), metrics, ready = running(configured(), test)

    assert (read, edit) == ((200, {"decision": True}), (200, {"decision": True}))
    assert other[0] == 401 and "wrong_audience" in other[1]
    assert 'pdp_tokens_total{result="verified"} 2.0' in metrics
    assert 'pdp_tokens_total{result="wrong_audience"} 1.0' in metrics
    assert ready == 200


def test_without_keys_all_else_is_answered_and_tokens_are_refused(configured):
    def test(ground: Ground, url: str, _: str) -> Any:
        return evaluated(url, fresh()), ground.readiness.look()

    told, (ready, problems) = running(configured(keys=False), test)

    assert told[0] == 503 and "keys_unavailable" in told[1]
    assert ready
    assert [each for each in problems if each.startswith(ISSUER)]


def test_policies_that_identities_do_not_go_with_are_not_taken(configured, tmp_path):
    def test(ground: Ground, url: str, _: str) -> Any:
        file = tmp_path / "policies" / "pages.pdp"
        file.write_text(file.read_text("utf-8").replace("User", "Person"), "utf-8")
        until(
            lambda: ground.reloader is not None and ground.reloader.last is not None and not ground.reloader.last.taken
        )
        return ground.readiness.look(), evaluated(url, fresh())

    (ready, problems), told = running(configured(), test)

    assert ready and any("no type `User`" in each for each in problems)
    assert told == (200, {"decision": True})
