"""Issuers of tests: their keys are at hand, or on their way, and their clock stands still."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pdp.identity.issuer import Key, UnknownKeyError
from pdp.identity.issuers import Issuers
from pdp.identity.options import IssuerOptions
from tests.identity.tokens import NOW, private_key, token

ISSUER = "https://id.example.org"
SECOND = 1_000_000

PEOPLE = f"""
[[issuers]]
issuer = "{ISSUER}"
profile = "access-token"
audience = ["pdp"]
lifetime = "10m"
algorithms = ["RS256", "ES256"]
keys = {{ discovery = true }}
principal = {{ type = "User", id = "sub" }}
"""


class Keys:
    """Keys of an issuer, as the test has them. `coming` brings more when somebody looks for what is not there."""

    def __init__(self, *names: str) -> None:
        self.held = {(name, "RS256"): public(name) for name in names}
        self.looked: list[str] = []
        self.problem: str | None = None
        self.closed = False
        self.coming: Callable[[], Future[None] | None] = lambda: None

    def find(self, kid: str, algorithm: str) -> Key:
        self.looked.append(kid)
        found = self.held.get((kid, algorithm))
        if found is None:
            raise UnknownKeyError("there is no such key", code="unknown_key", coming=self.coming())
        return found

    def suspect(self, key: Key) -> Future[None] | None:
        return self.coming()

    def start(self) -> Future[None]:
        return done()

    def close(self) -> None:
        self.closed = True


def public(name: str, algorithm: str = "RS256") -> Key:
    return Key(kid=name, algorithm=algorithm, material=private_key(algorithm, name).public_key())


def done() -> Future[None]:
    found: Future[None] = Future()
    found.set_result(None)
    return found


class Clock:
    """Microseconds since the epoch, which go on when the test says so."""

    def __init__(self) -> None:
        self.micros = NOW * SECOND

    def __call__(self) -> int:
        return self.micros

    def go_on(self, seconds: float) -> None:
        self.micros += int(seconds * SECOND)


class Scene:
    """Issuers of a configuration, whose keys are all the same."""

    def __init__(self, folder: Path, text: str = PEOPLE, *names: str, wait: float = 5.0) -> None:
        (folder / "identity.toml").write_text(text, "utf-8")
        self.clock, self.keys = Clock(), Keys(*(names or ("k1",)))
        self.issuers = Issuers.load(folder / "identity.toml", now=self.clock, keys_of=self._keys_of, wait=wait)

    def _keys_of(self, _: IssuerOptions) -> Keys:
        return self.keys


def claims(**more: Any) -> dict[str, Any]:
    """Return the claims of an access token; what is `...` is left out."""
    base = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": "pdp",
        "client_id": "app",
        "jti": "t1",
        "iat": NOW - 60,
        "exp": NOW + 240,
    }
    return {name: value for name, value in {**base, **more}.items() if value is not ...}


def access(name: str = "k1", **more: Any) -> str:
    """Return an access token."""
    return token(claims(**more), {"typ": "at+jwt"}, name=name)
