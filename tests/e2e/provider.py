"""A real identity provider: `oidc-provider` of npm, on this machine, with a certificate of an authority of tests."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.sidecar.authorities import Authority

HERE = Path(__file__).parent
MODULES = Path(os.environ.get("PDP_PROVIDER") or HERE.parents[1] / ".provider")
NODE = shutil.which("node")
MISSING = None if NODE and (MODULES / "node_modules" / "oidc-provider").exists() else "there is no provider here"
PATIENCE = 30.0

API = "https://api.example.org"
LEGACY = "https://legacy.example.org"
RESOURCES = {API: "ES256", LEGACY: "RS256"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BACK = "https://app.example.org/back"
SECRETS = {name: secrets.token_urlsafe(24) for name in ("app", "deployer", "helper", "subhelper", "pdp")}
"""The clients: what people sign in to, a machine account, an agent and one that it calls, and the PDP."""


class SignedIn(NamedTuple):
    """What a person who signs in has: tokens, and the browser that the provider knows them by."""

    access_token: str
    id_token: str
    browser: httpx.Client


class Provider:
    """Runs it; `close` ends it."""

    def __init__(self, folder: Path, *, lifetime: int = 600, logout: str | None = None) -> None:
        self.folder = folder
        authority = Authority()
        self.ca = str(folder / "ca.crt")
        Path(self.ca).write_bytes(authority.certificate)
        certificate, key = authority.issue().write(folder, "provider")
        command = [str(NODE), "--no-warnings", str(HERE / "provider.mjs"), str(MODULES), certificate, key]
        self._log = (folder / "provider.log").open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        options = {"clients": clients(logout), "resources": RESOURCES, "lifetime": lifetime, "keys": ["first"]}
        self.issuer: str = self._tell(options)["issuer"]
        self._browsers: list[httpx.Client] = []
        self._client = self.browser()
        self.configuration: dict[str, Any] = self._client.get("/.well-known/openid-configuration").json()

    def _tell(self, told: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, (self.folder / "provider.log").read_text("utf-8")
        return json.loads(line)

    def have(self, *keys: str) -> None:
        """Let it have these keys from now on; the first signs."""
        self._tell({"keys": keys})

    def read(self, path: str) -> int:
        """Return how often a path of it was asked for."""
        return int(self._tell({})["asked"].get(path, 0))

    def close(self) -> None:
        if self._log.closed:
            return
        for each in self._browsers:
            each.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._log.close()

    def browser(self) -> httpx.Client:
        """Return a client of HTTP that trusts its authority, and keeps cookies."""
        trusts = ssl.create_default_context(cafile=self.ca)
        self._browsers.append(httpx.Client(base_url=self.issuer, verify=trusts, timeout=PATIENCE))
        return self._browsers[-1]

    # ------------------------------------------------------------------------------------------------------- tokens

    def token(self, client: str = "deployer", resource: str = API, *, proof: str | None = None) -> str:
        """Return a token of a client by itself, bound to the key of a proof (RFC 9449) where there is one."""
        asked = {"grant_type": "client_credentials", "scope": "api", "resource": resource}
        return str(self._token(client, asked, {} if proof is None else {"dpop": proof})["access_token"])

    def exchange(self, token: str, client: str = "helper", resource: str = API) -> str:
        """Return a token by which a client acts for whoever a token is of (RFC 8693)."""
        kind = "urn:ietf:params:oauth:token-type:access_token"
        asked = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": kind, "resource": resource}
        return str(self._token(client, asked)["access_token"])

    def sign_in(self, who: str, *, strong: bool = False, resource: str = API, proof: str | None = None) -> SignedIn:
        """Let a person sign in, with a second factor or without, by the code flow with PKCE.

        The token is bound to the key of a proof where there is one.
        """
        browser, verifier = self.browser(), secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "client_id": "app",
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": "openid api",
            "resource": resource,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "login_hint": who,
            "acr_values": "phr" if strong else "pwd",
        }
        answer = browser.get(self.configuration["authorization_endpoint"], params=asked)
        while not answer.headers["location"].startswith(BACK):
            answer = browser.get(answer.headers["location"])
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        told = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
        found = self._token("app", {**told, "resource": resource}, {} if proof is None else {"dpop": proof})
        return SignedIn(found["access_token"], found["id_token"], browser)

    def _token(self, client: str, asked: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        url = self.configuration["token_endpoint"]
        answer = self._client.post(url, data=dict(asked), auth=(client, SECRETS[client]), headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # -------------------------------------------------------------------------------------------- what ends a token

    def revoke(self, token: str, client: str = "deployer") -> None:
        """Revoke a token (RFC 7009)."""
        url = self.configuration["revocation_endpoint"]
        answer = self._client.post(url, data={"token": token}, auth=(client, SECRETS[client]))
        assert answer.status_code == 200, answer.text

    def introspect(self, token: str) -> Any:
        """Ask it about a token (RFC 7662)."""
        url = self.configuration["introspection_endpoint"]
        return self._client.post(url, data={"token": token}, auth=("pdp", SECRETS["pdp"])).json()

    def sign_out(self, person: SignedIn) -> None:
        """Let a person sign out: the provider tells every client that it knows of (back-channel logout)."""
        form = person.browser.get(self.configuration["end_session_endpoint"], params={"client_id": "app"})
        secret = re.search(r'name="xsrf" value="([^"]+)"', form.text)
        action = re.search(r'action="([^"]+)"', form.text)
        assert secret is not None and action is not None, form.text
        answer = person.browser.post(action[1], data={"xsrf": secret[1], "logout": "yes"})
        assert answer.status_code in (200, 303), answer.text


def clients(logout: str | None) -> Sequence[Mapping[str, Any]]:
    """Return the clients that it knows."""

    def machine(name: str, *grants: str, **more: Any) -> Mapping[str, Any]:
        none: dict[str, list[str]] = {"redirect_uris": [], "response_types": []}
        return {"client_id": name, "client_secret": SECRETS[name], "grant_types": grants, **none, **more}

    told = {} if logout is None else {"backchannel_logout_uri": logout, "backchannel_logout_session_required": True}
    app = {"redirect_uris": [BACK], "response_types": ["code"], **told}
    return [
        machine("app", "authorization_code", **app),
        machine("deployer", "client_credentials"),
        machine("helper", EXCHANGE),
        machine("subhelper", EXCHANGE),
        machine("pdp"),
    ]
