"""An issuer for commands: its configuration and keys in files beside a policy folder, and tokens that it signed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.identity import tokens

ISSUER = "https://login.example.com"
PAST = {"iat": 1_699_999_000, "auth_time": 1_699_999_000, "exp": 1_700_000_000}
"""Claims of a token that has run out."""

CONFIGURATION = """
[[issuers]]
issuer = "https://login.example.com"
profile = "access-token"
audience = ["pdp"]
lifetime = 86400
algorithms = ["ES256"]
keys = {{ file = "{keys}" }}
principal = {{ type = "User", id = "sub"{more} }}
{actor}
"""
ACTOR = 'actor = { type = "Agent" }'


class Issuing:
    """Writes `policies.identity.toml`, and the token of somebody into a file."""

    def __init__(self, folder: Path, more: str = "", actor: str = ACTOR) -> None:
        self.folder, self.keys = folder, folder / "jwks.json"
        self.configuration = folder / "policies.identity.toml"
        self.configuration.write_text(CONFIGURATION.format(keys=self.keys, more=more, actor=actor))
        self.keys.write_text(json.dumps({"keys": [tokens.public_jwk("ES256")]}))

    def token(self, subject: str = "ada", **claims: Any) -> str:
        """Return a token of an hour; a claim that is None is left out."""
        now = int(time.time())
        full = {
            "iss": ISSUER,
            "aud": "pdp",
            "sub": subject,
            "client_id": "shell",
            "iat": now - 60,
            "auth_time": now - 60,
            "exp": now + 3600,
            "jti": f"t-{subject}",
            "amr": ["pwd", "mfa"],
        } | claims
        kept = {name: value for name, value in full.items() if value is not None}
        return tokens.token(kept, {"typ": "at+jwt"}, "ES256")

    def file(self, subject: str = "ada", **claims: Any) -> Path:
        """Return a file that holds a token."""
        path = self.folder / f"{subject}.jwt"
        path.write_text(self.token(subject, **claims) + "\n")
        return path
