"""Whose tokens are taken stands in a file of its own, which is held to the policies with all else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pdp
from pdp_sidecar.config import Configuration, ConfigurationError, Flags, load
from tests.sidecar.scene import engine

SERVE = 'policies = "policies"\n[identity]\nfile = "identity.toml"\n'
ISSUER = """
[[issuers]]
issuer = "https://id.example.org"
profile = "access-token"
audience = ["pdp"]
lifetime = "10m"
algorithms = ["RS256"]
keys = { discovery = true }
principal = { type = "User", id = "sub" }
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def taken(folder: Path, issuers: str, serve: str = SERVE) -> Configuration:
    (folder / "identity.toml").write_text(issuers, "utf-8")
    (folder / "serve.toml").write_text(serve, "utf-8")
    return load(Flags(file=str(folder / "serve.toml")), {})


def test_the_file_stands_beside_the_configuration(tmp_path):
    found = taken(tmp_path, ISSUER)

    assert found.identity == str(tmp_path / "identity.toml")
    found.check(engine().policy)


def test_what_is_wrong_with_it_is_told_at_its_place_with_all_else(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        taken(tmp_path, ISSUER.replace('audience = ["pdp"]\n', ""), SERVE + '[[callers]]\nname = "none"\n')

    told = {each.code: each.span.source.path for each in caught.value.diagnostics if each.span is not None}
    assert told == {"caller_ways": str(tmp_path / "serve.toml"), "missing_key": str(tmp_path / "identity.toml")}


def test_a_file_that_is_not_there_is_told(tmp_path):
    (tmp_path / "serve.toml").write_text(SERVE, "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load(Flags(file=str(tmp_path / "serve.toml")), {})

    assert "identity.toml" in str(caught.value)


def test_it_is_held_to_what_the_policies_declare(tmp_path):
    found = taken(tmp_path, ISSUER.replace('"User"', '"Usr"'))

    with pytest.raises(ConfigurationError) as caught:
        found.check(engine().policy)

    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.help == "did you mean `User`?"


def test_what_verifies_need_not_be_installed_where_nothing_is_verified(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pdp.identity.loading", None)

    assert taken(tmp_path, "", 'policies = "policies"\n').identity is None
    with pytest.raises(ConfigurationError) as caught:
        taken(tmp_path, ISSUER)

    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.help) == (
        "not_installed",
        "install it: `pip install 'pdp-engine[sidecar,identity]'`",
    )


def test_a_caller_is_told_by_whom_its_token_speaks_for(tmp_path):
    callers = """
    [listen]
    grpc = "unix:/run/x"
    [[callers]]
    name = "ci"
    identity = "Workload:repo:*"
    [[callers]]
    name = "people"
    identity = "User"
    may = ["check", "revoke"]
    principals = ["User"]
    """

    found = taken(tmp_path, ISSUER, SERVE + callers).callers

    assert [caller.name for _, caller in found.by_principal] == ["ci", "people"]
    assert [bound.holds(pdp.ref("Workload", "repo:7")) for bound, _ in found.by_principal] == [True, False]
    assert found.otherwise is None
