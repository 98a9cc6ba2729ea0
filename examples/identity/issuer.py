"""Whoever issues tokens, for the demo: GitHub with its jobs, and the company's provider with its people.

Its keys are made when it starts and read over HTTP, as those of the real ones are. A real provider signs people in as
well: `tests/e2e/` has one.
"""

from __future__ import annotations

import http.server
import json
import secrets
import threading
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class Issuer:
    """Signs tokens in the name of `name`, and tells its keys at `jwks_uri`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        body = json.dumps({"keys": [{**public, "kid": "demo", "alg": "RS256", "use": "sig"}]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.jwks_uri = f"http://127.0.0.1:{self._server.server_port}/jwks"

    def close(self) -> None:
        """Tell its keys no more."""
        self._server.shutdown()
        self._server.server_close()

    def token(self, kind: str, lifetime: int, **claims: Any) -> str:
        """Return a token of a kind (`typ`) that is valid for some seconds from now."""
        now = int(time.time())
        told = {"iss": self.name, "jti": secrets.token_hex(8), "iat": now, "exp": now + lifetime, **claims}
        return jwt.encode(told, self._key, "RS256", headers={"typ": kind, "kid": "demo"})

    def job(self, **claims: Any) -> str:
        """Return what GitHub gives a job of trunk of acme/shop, or another."""
        told = {
            "sub": "repo:acme@65/shop@74:ref:refs/heads/main",
            "aud": "https://deploys.acme.example",
            "repository": "acme/shop",
            "repository_id": "74",
            "repository_owner": "acme",
            "repository_owner_id": "65",
            "actor_id": "12",
            "run_id": "17171717",
            "ref": "refs/heads/main",
            "ref_protected": "true",
            "event_name": "push",
            "runner_environment": "github-hosted",
            "job_workflow_ref": "acme/release/.github/workflows/deploy.yml@refs/tags/v3",
        }
        return self.token("JWT", 300, **(told | claims))

    def person(self, who: str, *, strong: bool) -> str:
        """Return what the provider gives the application that somebody signed in to, by a second factor or not."""
        how = {"acr": "phr", "amr": ["hwk", "mfa"]} if strong else {"acr": "pwd", "amr": ["pwd"]}
        told = {"aud": "https://api.example.org", "client_id": "app", "auth_time": int(time.time())}
        return self.token("at+jwt", 600, sub=who, **told, **how)
