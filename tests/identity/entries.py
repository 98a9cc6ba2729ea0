"""Entries of a configuration with keys that are at hand, and tokens of each kind that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, get_args

from identity.tokens import NOW, private_key, token

from pdp.errors import TokenError
from pdp.identity import verifying
from pdp.identity.issuer import Issuer, Key, UnknownKeyError, Verified
from pdp.identity.options import AlgorithmWord, IssuerOptions, KeysOptions, PrincipalOptions, ProfileWord

ISSUER = "https://id.example.com"
AUDIENCE = "https://pdp.example.com"
DOMAIN = "example.org"
ALGORITHMS: tuple[AlgorithmWord, ...] = get_args(AlgorithmWord)
PROFILES: tuple[ProfileWord, ...] = get_args(ProfileWord)


class FixedKeys:
    """Keys that are what they were made of. What `suspect` was told is in `suspected`."""

    problem = None

    def __init__(self, *keys: Key, coming: Future[None] | None = None) -> None:
        self.keys = {(key.kid, key.algorithm): key for key in keys}
        self.coming = coming
        self.suspected: list[Key] = []

    def find(self, kid: str, algorithm: str) -> Key:
        if (kid, algorithm) not in self.keys:
            raise UnknownKeyError("its issuer has no such key", code="unknown_key", coming=self.coming)
        return self.keys[kid, algorithm]

    def suspect(self, key: Key) -> Future[None] | None:
        self.suspected.append(key)
        return self.coming

    def start(self) -> Future[None]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def key(algorithm: str = "RS256", name: str = "k1", material: Any = None) -> Key:
    """Return the public half of a key of tests."""
    return Key(kid=name, algorithm=algorithm, material=material or private_key(algorithm, name).public_key())


def options(profile: ProfileWord = "generic", **more: Any) -> IssuerOptions:
    """Return an entry as it is configured."""
    issuer = f"spiffe://{DOMAIN}" if profile == "jwt-svid" else ISSUER
    given: dict[str, Any] = {
        "issuer": issuer,
        "profile": profile,
        "audience": (AUDIENCE,),
        "lifetime": 3600.0,
        "algorithms": ALGORITHMS,
        "keys": KeysOptions(file="keys.json"),
        "principal": PrincipalOptions(type="User", id="sub"),
    }
    return IssuerOptions(**given | more)


def entry(profile: ProfileWord = "generic", keys: Any = None, **more: Any) -> Issuer:
    """Return an entry with its keys, one of each kind where none are given."""
    return Issuer(options=options(profile, **more), keys=keys or FixedKeys(*map(key, EASY)))


EASY = ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")

_TIMES = {"iat": NOW - 60, "exp": NOW + 600}
_COMMON = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada"} | _TIMES

_CLAIMS: dict[ProfileWord, dict[str, Any]] = {
    "access-token": _COMMON | {"client_id": "shop", "jti": "t-1", "scope": "deploy"},
    "id-token": _COMMON | {"nonce": "n-1", "auth_time": NOW - 120, "amr": ["pwd", "mfa"]},
    "jwt-svid": {"aud": [AUDIENCE], "sub": f"spiffe://{DOMAIN}/billing/api"} | _TIMES,
    "github-actions": _COMMON
    | {
        "sub": "repo:octo@1/pay@2:environment:prod",
        "jti": "t-2",
        "nbf": NOW - 60,
        "repository": "octo/pay",
        "repository_id": "74",
        "repository_owner": "octo",
        "repository_owner_id": "65",
        "repository_visibility": "private",
        "actor": "ada",
        "actor_id": "12",
        "run_id": "30",
        "run_number": "10",
        "run_attempt": "1",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "ref_protected": "true",
        "environment": "prod",
        "event_name": "push",
        "head_ref": "",
        "base_ref": "",
        "sha": "9f86d081",
        "workflow": "ship",
        "workflow_ref": "octo/pay/.github/workflows/ship.yml@refs/heads/main",
        "job_workflow_ref": "octo/pay/.github/workflows/ship.yml@refs/heads/main",
        "runner_environment": "github-hosted",
    },
    "gitlab": _COMMON
    | {
        "sub": "project_path:shop/pay:ref_type:branch:ref:main",
        "jti": "t-3",
        "nbf": NOW - 65,
        "namespace_id": "72",
        "namespace_path": "shop",
        "project_id": "20",
        "project_path": "shop/pay",
        "user_id": "1",
        "user_login": "ada",
        "user_email": "ada@example.com",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "environment": "prod",
        "environment_protected": "true",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c",
    },
    "kubernetes": _COMMON
    | {
        "aud": [AUDIENCE],
        "sub": "system:serviceaccount:shop:pay",
        "jti": "t-4",
        "nbf": NOW - 60,
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "n1", "uid": "u-1"},
            "pod": {"name": "pay-1", "uid": "u-2"},
            "serviceaccount": {"name": "pay", "uid": "u-3"},
            "warnafter": NOW + 500,
        },
    },
    "generic": dict(_COMMON),
}

_KINDS: dict[ProfileWord, str | None] = {"access-token": "at+jwt", "kubernetes": None, "jwt-svid": None}


def claims(profile: ProfileWord = "generic", **more: Any) -> dict[str, Any]:
    """Return claims of a token that an entry of a profile takes; those that are given as None are left out."""
    return {name: value for name, value in (_CLAIMS[profile] | more).items() if value is not None}


def header(profile: ProfileWord = "generic", **more: Any) -> dict[str, Any]:
    """Return what the header of such a token holds besides its algorithm and its key."""
    return {"typ": _KINDS.get(profile, "JWT")} | more


def made(profile: ProfileWord = "generic", algorithm: str = "RS256", **more: Any) -> str:
    """Return a token that an entry of a profile takes, but for the claims that are given."""
    return token(claims(profile, **more), header(profile), algorithm)


def verify(text: str, *entries: Issuer, now: int = NOW, leeway: float = 30.0, largest: int = 8192) -> Verified:
    """Verify a token; `now` is in seconds."""
    by_issuer: dict[str, tuple[Issuer, ...]] = {}
    for each in entries or (entry(),):
        by_issuer[each.options.issuer] = (*by_issuer.get(each.options.issuer, ()), each)
    return verifying.verify(text, by_issuer, now * 1_000_000, leeway, largest)


def refusal(of: Callable[..., Any], *arguments: Any, **named: Any) -> TokenError:
    """Return the refusal that a call ends in."""
    try:
        found = of(*arguments, **named)
    except TokenError as error:
        return error
    raise AssertionError(f"taken: {found!r}")


def code(text: str, *entries: Issuer, **named: Any) -> str:
    """Return the code of the refusal that a token gets."""
    return refusal(verify, text, *entries, **named).code


def rewritten(base: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a mapping with some of it another."""
    return {name: value for name, value in (dict(base) | more).items() if value is not None}
