"""A small share of `make torture`, and that it notices each way to break what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.revocation.torture import BREACHES, broken, wrongs


def test_nothing_that_is_acknowledged_is_without_effect(tmp_path: Path) -> None:
    assert wrongs(tmp_path, count=40, decisions=8_000, kills=6) == []


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_noticed(tmp_path: Path, name: str) -> None:
    with broken(name):
        assert wrongs(tmp_path, count=40, decisions=8_000, kills=6) != []
