"""The vectors for JSON Web Signatures that Project Wycheproof publishes, where a copy of them is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import TokenError
from pdp.identity import jwk as jwks
from pdp.identity import parts, signature
from peers import PEER_DATA

FILE = Path(os.environ.get("PDP_WYCHEPROOF", PEER_DATA / "wycheproof")) / "json_web_signature_test.json"


def cases() -> list[Any]:
    """Return each case with the key of its group, and its number as its name."""
    if not FILE.is_file():
        return []
    return [
        pytest.param(group.get("public", group.get("private")), case, id=str(case["tcId"]))
        for group in json.loads(FILE.read_text("utf-8"))["testGroups"]
        for case in group["tests"]
    ]


def hold(jwk: dict[str, Any], text: str) -> None:
    """Verify something signed by a key of a set, as a token is verified, but for what it claims."""
    found = parts.apart(text, 8192)
    parts.hold_header(found.header)
    held = jwks.read(json.dumps({"keys": [jwk]}).encode(), use="sig", algorithms=parts.ALGORITHMS)
    for key in held.keys:
        if (key.kid, key.algorithm) == (found.kid, found.algorithm):
            return signature.verify(found, key)
    raise TokenError("there is no such key", code="unknown_key")


def is_looser(jwk: dict[str, Any], case: dict[str, Any]) -> bool:
    """Tell whether a valid case takes what is never taken here: a secret as a key, or a key by two algorithms."""
    return jwk["kty"] == "oct" or jwk["alg"] != parts.apart(case["jws"], 8192).algorithm


@pytest.mark.skipif(not FILE.is_file(), reason="no copy of the vectors is at hand")
@pytest.mark.parametrize(("jwk", "case"), cases())
def test_a_vector_is_taken_where_it_is_valid(jwk, case):
    if case["result"] == "valid" and not is_looser(jwk, case):
        hold(jwk, case["jws"])
    else:
        with pytest.raises(TokenError):
            hold(jwk, case["jws"])
