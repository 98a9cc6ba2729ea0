"""What does it cost to know who asks, once their token was verified?

`python -m benchmarks.identity.tokens` prints one line of JSON, in µs, all of it measured in turns in one process: a
token of RS256 from its text to an identity; one that is known, as the same object of Python and as another with the
same text, the way it comes over a wire; a decision with principal and session at hand, and the same with the token in
hand, of people whom the engine holds and of people whose groups their tokens tell.
"""

from __future__ import annotations

import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from pdp import Engine, Entity, ref
from pdp.identity.issuer import Key
from pdp.identity.issuers import Issuers

TOKENS = 200
LAPS = 15
SECONDS_OF_A_LAP = 0.02
SLOW = 10
"""Calls in a lap of what takes so long that a lap of all tokens would take longer than the others together."""

CONFIGURATION = """
kept = {kept}
[[issuers]]
issuer = "https://id.example.org"
profile = "access-token"
audience = ["https://api.example.org"]
lifetime = "1h"
algorithms = ["RS256"]
keys = {{ discovery = true }}
principal = {{ type = "User", id = "sub"{groups} }}
"""
POLICY = """
type Group
type User in Group
type Service { tier: Int }
action deploy on Service by User
rule staff_deploys:
  permit User in Group "staff" to deploy on Service
  when resource.tier > 1
  needs session.mfa and now - session.authenticated_at < 2h else "sign in again"
rule not_the_suspended:
  forbid User in Group "suspended" to any on Service
  because "they are suspended"
"""
HOME = ref("Service", "pay")
SERVICE = Entity("Service", "pay", {"tier": 2})

Run = Callable[[], object]


class Held:
    """The one key of an issuer, at hand."""

    problem = None

    def __init__(self, key: Key) -> None:
        self._key = key

    def find(self, kid: str, algorithm: str) -> Key:
        """Return it."""
        return self._key


def tokens(private: rsa.RSAPrivateKey) -> list[str]:
    """Return tokens as people have them, half a kilobyte each."""
    now = int(time.time())
    base = {
        "iss": "https://id.example.org",
        "aud": "https://api.example.org",
        "client_id": "console",
        "scope": "openid deploy",
        "iat": now - 5,
        "auth_time": now - 60,
        "exp": now + 1800,
        "amr": ["pwd", "mfa"],
        "acr": "phr",
        "groups": ["staff", "payments"],
    }
    headers = {"typ": "at+jwt", "kid": "k1"}
    each = (
        {**base, "sub": f"user-{number}", "jti": f"{number:032x}", "sid": f"s-{number}"} for number in range(TOKENS)
    )
    return [jwt.encode(claims, private, "RS256", headers=headers) for claims in each]


def issuers(folder: Path, key: Key, *, kept: int = 10_000, groups: bool = False) -> Issuers:
    """Return issuers that have one key."""
    path = folder / "identity.toml"
    mapped = ', groups = { Group = "groups" }' if groups else ""
    path.write_text(CONFIGURATION.format(kept=kept, groups=mapped), "utf-8")
    return Issuers.load(path, keys_of=lambda _: Held(key))  # type: ignore[arg-type,return-value]


def median(runs: dict[str, tuple[Run, int]], laps: int) -> dict[str, float]:
    """Time runs in turns; return the median of their laps, for each of so many calls, in µs."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(laps):
        for name, (run, count) in runs.items():
            rounds, began = 0, time.perf_counter()
            while time.perf_counter() - began < SECONDS_OF_A_LAP or not rounds:
                run()
                rounds += 1
            times[name].append((time.perf_counter() - began) / (rounds * count) * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


def each_of(call: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> tuple[Run, int]:
    """Return what calls a function with each of some arguments, and how many these are."""

    def run() -> None:
        for each in arguments:
            call(*each)

    return run, len(arguments)


def fresh(call: Callable[[str], Any], texts: Sequence[str]) -> tuple[Run, int]:
    """Return what calls a function with texts as they come over a wire, and reads them from bytes first."""
    wire = [text.encode() for text in texts]

    def run() -> None:
        for each in wire:
            call(each.decode())

    return run, len(texts)


def asked(engine: Engine, texts: Sequence[str]) -> dict[str, tuple[Run, int]]:
    """Return decisions with principal and session at hand, and with tokens."""
    decide, session_from = engine.decide, engine.session_from
    known = [session_from(text) for text in texts]
    assert all(decide(each.principal, "deploy", HOME, None, each.session) for each in known)

    def by_token(text: str) -> None:
        who = session_from(text)
        decide(who.principal, "deploy", HOME, None, who.session)

    at_hand = [(each.principal, "deploy", HOME, None, each.session) for each in known]
    return {"decide": each_of(decide, at_hand), "decide_by_token": each_of(by_token, [(text,) for text in texts])}


def measure(laps: int = LAPS) -> dict[str, float]:
    """Return all figures."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    texts, key = tokens(private), Key(kid="k1", algorithm="RS256", material=private.public_key())
    some = [(text,) for text in texts[:SLOW]]
    people = [Entity("User", f"user-{number}", {}, [ref("Group", "staff")]) for number in range(TOKENS)]
    with tempfile.TemporaryDirectory() as folder:
        make = functools.partial(issuers, Path(folder), key)
        known, unknown, grouped = make(), make(kept=0), make(groups=True)
    stored = Engine.from_text(POLICY, entities=[SERVICE, *people], identity=known)
    brought = Engine.from_text(POLICY, entities=[SERVICE], identity=grouped)
    decoded = functools.partial(jwt.decode, key=private.public_key(), algorithms=["RS256"])
    decode = functools.partial(decoded, audience="https://api.example.org", issuer="https://id.example.org")
    found = median(
        {
            "nothing": each_of(lambda text: None, [(text,) for text in texts]),
            "pyjwt": each_of(decode, some),
            "verified": each_of(unknown.identify, some),
            "known": each_of(known.identify, [(text,) for text in texts]),
            "known_off_the_wire": fresh(known.identify, texts),
            "off_the_wire": fresh(lambda text: None, texts),
            **asked(stored, texts),
            **{f"{name}_and_groups": run for name, run in asked(brought, texts).items()},
        },
        laps,
    )
    loop = found.pop("nothing")
    off_the_wire = found.pop("off_the_wire")
    figures = {name: took - (off_the_wire if name == "known_off_the_wire" else loop) for name, took in found.items()}
    return figures | {
        "known_of_verified": figures["known"] / figures["verified"],
        "known_off_the_wire_of_verified": figures["known_off_the_wire"] / figures["verified"],
        "token_of_decide": figures["decide_by_token"] / figures["decide"] - 1,
        "token_of_decide_and_groups": figures["decide_by_token_and_groups"] / figures["decide_and_groups"] - 1,
    }


if __name__ == "__main__":
    print(json.dumps({name: round(value, 4) for name, value in measure().items()}))
