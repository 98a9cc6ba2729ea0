"""Whoever lets others tell of identities that end has a place to hear it, and a record to keep it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp_sidecar.config import ConfigurationError, Flags, load

ISSUER = """
[[issuers]]
issuer = "https://id.example.org"
profile = "id-token"
audience = ["pdp"]
lifetime = "10m"
algorithms = ["RS256"]
keys = { discovery = true }
principal = { type = "User", id = "sub" }
"""
LOGOUT = f'{ISSUER}logout = {{ audience = ["pdp"] }}\n'
SCIM = f'{ISSUER}[scim]\ntype = "User"\ntoken = {{ env = "SCIM" }}\n'
HTTP = '[listen]\nhttp = { address = "127.0.0.1:0", plaintext = true }\n[[callers]]\nname = "x"\nanyone = true\n'
RECORD = '[facts]\nrevocations = "revoked.db"\n'
TOKEN = "a-token-of-a-directory"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def wrong(folder: Path, issuers: str, serve: str, token: str = TOKEN) -> list[tuple[str, str]]:
    """Return the codes and messages of what is wrong."""
    (folder / "identity.toml").write_text(issuers, "utf-8")
    text = f'policies = "policies"\n{serve}[identity]\nfile = "identity.toml"\n'
    (folder / "serve.toml").write_text(text, "utf-8")
    try:
        load(Flags(file=str(folder / "serve.toml")), {"SCIM": token})
    except ConfigurationError as error:
        for each in error.diagnostics:
            assert TOKEN not in str(each)
        return [(each.code, each.message) for each in error.diagnostics]
    return []


@pytest.mark.parametrize("issuers", [LOGOUT, SCIM, f'{SCIM}[issuers.logout]\naudience = ["pdp"]\n', ISSUER])
def test_with_a_place_and_a_record_all_is_well(tmp_path, issuers):
    assert wrong(tmp_path, issuers, HTTP + RECORD) == []


@pytest.mark.parametrize(("issuers", "who"), [(LOGOUT, "`logout`"), (SCIM, "`scim`")])
def test_without_a_record_nothing_would_stay_ended(tmp_path, issuers, who):
    message = f"what {who} of that file says has to be on record, and there is no record of revocations"

    assert wrong(tmp_path, issuers, HTTP) == [("no_record", message)]


@pytest.mark.parametrize(("issuers", "who"), [(LOGOUT, "`logout`"), (SCIM, "`scim`")])
def test_without_http_nobody_would_hear_it(tmp_path, issuers, who):
    listen = '[listen]\ngrpc = "unix:pdp.sock"\n'
    message = f"what {who} of that file says comes by HTTP, and nothing says where that is spoken"

    assert wrong(tmp_path, issuers, listen + RECORD) == [("misplaced_key", message)]


def test_where_nothing_of_it_is_configured_nothing_is_needed(tmp_path):
    assert wrong(tmp_path, ISSUER, '[listen]\ngrpc = "unix:pdp.sock"\n') == []


def test_a_token_that_could_be_guessed_is_none(tmp_path):
    found = wrong(tmp_path, SCIM, HTTP + RECORD, "short")

    assert [code for code, _ in found] == ["short_token"]


def test_a_token_that_is_not_there_is_told_once(tmp_path):
    found = wrong(tmp_path, SCIM, HTTP + RECORD, "")

    assert [code for code, _ in found] == ["no_secret"]
