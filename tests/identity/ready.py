"""The ready configurations of examples/identity, with keys that tests have in place of those of the world."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.identity.tokens import public_jwk

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "identity"
NAMES = ("agent", "github-actions", "gitlab-ci", "kubernetes", "people", "spiffe")

_KEYS = re.compile(r"(?<=\[issuers\.keys\]\n)(?:.+\n)+")


def jwks(*keys: Mapping[str, Any]) -> str:
    """Return a set of keys as issuers publish it."""
    return json.dumps({"keys": keys})


def published(name: str) -> str:
    """Return the keys of whoever the tokens of an example are from."""
    if name == "spiffe":
        return json.dumps(
            {"spiffe_sequence": 1, "spiffe_refresh_hint": 300, "keys": [svid_key()]},
        )
    return jwks(public_jwk("RS256", {"github-actions": "github", "gitlab-ci": "gitlab"}.get(name, name)))


def svid_key() -> dict[str, Any]:
    """Return a key as it stands in the bundle of a trust domain."""
    key = public_jwk("ES256", "spiffe") | {"use": "jwt-svid"}
    del key["alg"]
    return key


def copied(name: str, folder: Path, keys: str) -> Path:
    """Copy an example into a folder; its keys come from where `keys` says, lines of TOML. Return the copy."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy)
    path = copy / "identity.toml"
    text = path.read_text("utf-8")
    assert _KEYS.search(text), name
    path.write_text(_KEYS.sub(keys + "\n", text), "utf-8")
    return copy


def ready(name: str, folder: Path) -> Path:
    """Copy an example whose keys come from a file of the tests; return the copy."""
    folder.mkdir(exist_ok=True)
    keys = folder / f"{name}.keys.json"
    keys.write_text(published(name), "utf-8")
    kind = "spiffe_bundle" if name == "spiffe" else "file"
    return copied(name, folder, f'{kind} = "{keys}"')
