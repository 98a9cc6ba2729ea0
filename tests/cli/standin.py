"""Stands in for `pdp.identity.issuers` until that is there: it believes every token, and refuses what has run out."""

from __future__ import annotations

import base64
import json
import time
import tomllib
import types
from pathlib import Path
from typing import Any

from pdp.configuration import ConfigurationError
from pdp.errors import Diagnostic, TokenError
from pdp.identity.who import Actor, Identity
from pdp.model import Entity
from pdp.session import Session
from pdp.values import EntityRef


class Issuers:
    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry

    @classmethod
    def load(cls, path: str, *, schema: Any = None) -> Issuers:
        try:
            return cls(tomllib.loads(Path(path).read_text())["issuers"][0])
        except (OSError, KeyError) as error:
            raise ConfigurationError([Diagnostic(code="missing_key", message=str(error))]) from None

    def identify(self, token: str) -> Identity:
        try:
            claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        except (IndexError, ValueError):
            raise TokenError("the token is no JWS in compact form", code="malformed_token") from None
        if claims["iss"] != self.entry["issuer"]:
            raise TokenError("no issuer that is configured issued the token", code="unknown_issuer")
        if not Path(self.entry["keys"]["file"]).exists():
            raise TokenError("the keys of the issuer cannot be had", code="keys_unavailable", passing=True)
        if claims["exp"] <= time.time():
            raise TokenError("the token has run out", code="token_expired")
        options = self.entry["principal"]
        attributes = {name: claims[claim] for name, claim in options.get("attributes", {}).items()}
        groups = [EntityRef(kind, each) for kind, claim in options.get("groups", {}).items() for each in claims[claim]]
        ref = EntityRef(options["type"], claims["sub"])
        actors, act = [], claims.get("act")
        while act:
            mine = EntityRef(self.entry["actor"]["type"], act["sub"]) if not actors else None
            actors.append(Actor(subject=act["sub"], issuer=act.get("iss", claims["iss"]), ref=mine))
            act = act.get("act")
        return Identity(
            principal=Entity(ref.type, ref.id, attributes, groups) if attributes or groups else ref,
            session=Session(session_of(claims, actors)),
            issuer=claims["iss"],
            subject=claims["sub"],
            until=claims["exp"] * 1_000_000,
            token_id=claims.get("jti"),
            actors=tuple(actors),
            claims=claims,
        )

    def close(self) -> None:
        pass


def session_of(claims: dict[str, Any], actors: list[Actor]) -> dict[str, Any]:
    found = {
        "mfa": "mfa" in claims.get("amr", ()),
        "methods": claims.get("amr", []),
        "authenticated_at": instant(claims.get("auth_time", claims["iat"])),
        "issued_at": instant(claims["iat"]),
        "expires_at": instant(claims["exp"]),
        "issuer": claims["iss"],
        "bound": False,
    }
    if "jti" in claims:
        found["token_id"] = claims["jti"]
    if "acr" in claims:
        found["acr"] = claims["acr"]
    if actors:
        found["actor"] = actors[0].ref
    return found


def instant(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def module() -> types.ModuleType:
    found = types.ModuleType("pdp.identity.issuers")
    found.Issuers = Issuers  # type: ignore[attr-defined]
    return found
