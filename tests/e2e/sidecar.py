"""A sidecar that takes the tokens of the provider, asked over HTTP as AuthZEN has it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import httpx

from tests.e2e.scene import Scene, until

IDENTIFIER = "https://pdp.example.org"
EVALUATION = "/access/v1/evaluation"

CONFIGURATION = f"""
[identity]
file = "identity.toml"

[authzen]
identifier = "{IDENTIFIER}"

[[callers]]
name = "operator"
uid = "self"
may = ["check", "status", "revoke"]

[[callers]]
name = "people"
identity = "User"
may = ["check"]

[[callers]]
name = "gateway"
token = {{ file = "gateway.token" }}
principals = ["User"]
may = ["check"]

[facts]
revocations = "revocations.db"
create = true
"""
GATEWAY = "the-token-of-a-gateway-of-tests"


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Sidecar:
    """Runs it on the example of a scene; `close` ends it."""

    def __init__(self, scene: Scene, port: int | None = None) -> None:
        folder = self.folder = scene.folder
        (folder / "serve.toml").write_text(CONFIGURATION, "utf-8")
        (folder / "gateway.token").touch(mode=0o600)
        (folder / "gateway.token").write_text(GATEWAY, "utf-8")
        self.url = f"http://127.0.0.1:{port or free_port()}"
        self.socket = f"unix:{folder}/pdp.sock"
        command = [sys.executable, "-m", "pdp", "serve", str(folder), "--config", str(folder / "serve.toml")]
        command += ["--http", self.url.removeprefix("http://"), "--frames", self.socket, "--insecure"]
        self._out = (folder / "sidecar.log").open("wb")
        self._process = subprocess.Popen(command, stdout=self._out, stderr=self._out)
        self._client = httpx.Client(base_url=self.url, timeout=30.0)
        assert until(lambda: "ready" in self.log or self._process.poll() is not None), self.log
        assert self._process.poll() is None, self.log

    @property
    def log(self) -> str:
        return (self.folder / "sidecar.log").read_text("utf-8")

    def close(self) -> None:
        self._client.close()
        self._process.terminate()
        self._process.wait(30.0)
        self._out.close()

    # ------------------------------------------------------------------------------------------------------- asking

    def ask(
        self,
        token: str,
        action: str,
        resource: str,
        *,
        scheme: str = "Bearer",
        proof: str | None = None,
        subject: dict[str, Any] | None = None,
        client: httpx.Client | None = None,
    ) -> httpx.Response:
        """Ask as whoever a token is of, or as `subject` says."""
        kind, _, name = resource.partition(":")
        asked: dict[str, Any] = {} if subject is None else {"subject": subject}
        asked |= {"action": {"name": action}, "resource": {"type": kind, "id": name}}
        headers = {"authorization": f"{scheme} {token}", "content-type": "application/json", "x-pdp-reasons": "true"}
        headers |= {} if proof is None else {"dpop": proof}
        return (client or self._client).post(EVALUATION, content=json.dumps(asked), headers=headers)

    def decides(self, token: str, action: str, resource: str, **more: Any) -> bool:
        """Tell what is decided."""
        answer = self.ask(token, action, resource, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["decision"] is True

    def handed_on(self, token: str, action: str, resource: str) -> dict[str, Any]:
        """Ask as a gateway that hands on the token of whom it serves; return the answer."""
        answer = self.ask(GATEWAY, action, resource, subject={"type": "pdp:token", "id": token})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
