"""Find test data that others published. It is no part of this repository: tests skip where it is absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A relative path is taken from the top of the repository.
PEER_DATA = (ROOT / os.environ.get("PDP_PEER_DATA", "../shared/peers")).resolve()


def require(path: str) -> Path:
    """Return the place of a file or folder of the peer data; skip the test, or the module, without it."""
    place = PEER_DATA / path
    if not place.exists():
        pytest.skip(f"no peer data `{path}`: set PDP_PEER_DATA to its folder", allow_module_level=True)
    return place
