"""Where keys come from: an address, what an issuer tells of itself, a file, a bundle of SPIFFE."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pdp.configuration.secret import Secret
from pdp.identity import keys as module
from pdp.identity.jwk import KeysError
from pdp.identity.keys.source import Source
from pdp.identity.keys.store import Pace
from pdp.identity.keys.web import Answer, MissingError, Web
from pdp.identity.options import IssuerOptions, KeysOptions, PrincipalOptions
from tests.identity.keys.fakes import Pages, document, names_of
from tests.identity.keys.servers import Server, says, serving

ISSUER = "https://id.example/tenant"
OPENID = "https://id.example/tenant/.well-known/openid-configuration"
OAUTH = "https://id.example/.well-known/oauth-authorization-server/tenant"
KEYS = "https://keys.example/keys"
PLAIN = "plain http is for this machine alone, such as 127.0.0.1: write https"


def options(issuer: str = ISSUER, profile: Any = "generic", **keys: Any) -> IssuerOptions:
    return IssuerOptions(
        issuer=issuer,
        profile=profile,
        audience=("pdp",),
        lifetime=3600.0,
        algorithms=("ES256",),
        keys=KeysOptions(**keys),
        principal=PrincipalOptions(type="User", id="sub"),
    )


def source(web: Web | None = None, issuer: str = ISSUER, profile: Any = "generic", **keys: Any) -> Source:
    return module.source_of(options(issuer, profile, **keys), web)


def error_of(source: Source) -> str:
    with pytest.raises(KeysError) as found:
        source.read()
    return str(found.value)


def told(**members: Any) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": KEYS} | members).encode()


# ------------------------------------------------------------------------------------------------------------ addresses


def test_keys_stand_at_an_address() -> None:
    pages = Pages({KEYS: Answer(document("k1"), 60.0)})

    found = source(pages, jwks_uri=KEYS).read()

    assert (names_of(found.keys.keys), found.fresh) == (["k1"], 60.0)


def test_a_page_is_no_set_of_keys() -> None:
    pages = Pages({KEYS: b"<!doctype html><title>Sign in</title>"})

    assert error_of(source(pages, jwks_uri=KEYS)) == "the set of keys cannot be read: it is no JSON"


# ------------------------------------------------------------------------------------------------------------ discovery


def test_an_issuer_tells_where_its_keys_are() -> None:
    pages = Pages({OPENID: told(), KEYS: Answer(document("k1"), 60.0)})

    found = source(pages, discovery=True).read()

    assert (names_of(found.keys.keys), found.fresh) == (["k1"], 60.0)
    assert pages.asked == [OPENID, KEYS]


def test_an_issuer_may_tell_it_as_oauth_has_it() -> None:
    pages = Pages({OPENID: MissingError("404"), OAUTH: told(), KEYS: document("k1")})

    found = source(pages, discovery=True).read()

    assert names_of(found.keys.keys) == ["k1"]
    assert pages.asked == [OPENID, OAUTH, KEYS]


def test_only_a_document_that_is_not_there_is_looked_for_elsewhere() -> None:
    pages = Pages({OPENID: KeysError("500"), OAUTH: told(), KEYS: document("k1")})

    assert error_of(source(pages, discovery=True)) == "500"
    assert pages.asked == [OPENID]


@pytest.mark.parametrize(
    ("issuer", "first", "second"),
    [
        (
            "https://id.example",
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://id.example/",
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://id.example:8443/a/b/",
            "https://id.example:8443/a/b/.well-known/openid-configuration",
            "https://id.example:8443/.well-known/oauth-authorization-server/a/b",
        ),
    ],
)
def test_both_places_follow_from_the_name_of_an_issuer(issuer: str, first: str, second: str) -> None:
    pages = Pages({first: MissingError("404"), second: told(issuer=issuer), KEYS: document("k1")})

    source(pages, issuer, discovery=True).read()

    assert pages.asked == [first, second, KEYS]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example",
        "https://id.example/tenant/",
        "https://id.example/Tenant",
        "https://id.example/tenant2",
        "https://evil.example/tenant",
        None,
        [ISSUER],
        {"issuer": ISSUER},
    ],
)
def test_what_tells_of_another_issuer_is_not_believed(issuer: object) -> None:
    pages = Pages({OPENID: told(issuer=issuer), KEYS: document("k1")})

    assert error_of(source(pages, discovery=True)) == "what the issuer tells of itself is that of another issuer"
    assert pages.asked == [OPENID]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "the issuer does not tell where its keys are"),
        ([KEYS], "the issuer does not tell where its keys are"),
        ("", "no keys are taken from where the issuer says: an address is of visible characters of ASCII"),
        ("http://id.example/keys", f"no keys are taken from where the issuer says: {PLAIN}"),
        (
            "http://127.0.0.1/keys",
            "no keys are taken from where the issuer says: it is plain http, and the issuer is not",
        ),
        (
            "file:///etc/keys.json",
            "no keys are taken from where the issuer says: an address begins by https:// and a host",
        ),
        (
            "https://a:b@id.example/",
            "no keys are taken from where the issuer says: an address holds no name and no password",
        ),
    ],
)
def test_an_issuer_sends_nobody_where_no_keys_are_taken_from(url: object, said: str) -> None:
    pages = Pages({OPENID: told(jwks_uri=url)})

    assert error_of(source(pages, discovery=True)) == said
    assert pages.asked == [OPENID]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "what the issuer tells of itself cannot be read: it is no JSON"),
        (b"[]", "what the issuer tells of itself cannot be read: it is no object of JSON"),
        (
            b'{"issuer": "https://evil.example", "issuer": "https://id.example/tenant"}',
            "what the issuer tells of itself cannot be read: a name stands twice in one object",
        ),
    ],
)
def test_what_an_issuer_tells_of_itself_can_be_read_in_one_way(body: bytes, said: str) -> None:
    assert error_of(source(Pages({OPENID: body}), discovery=True)) == said


def test_an_issuer_of_this_machine_is_asked_as_it_is() -> None:
    with serving(says(b"")) as server:
        pages = {
            "/.well-known/openid-configuration": told(issuer=server.url, jwks_uri=f"{server.url}/keys"),
            "/keys": document("k1"),
        }
        server.answer = lambda connection, path: says(pages[path])(connection, path)

        found = source(issuer=server.url, discovery=True).read()

    assert names_of(found.keys.keys) == ["k1"]
    assert server.asked == ["/.well-known/openid-configuration", "/keys"]


# ---------------------------------------------------------------------------------------------------------------- files


def test_keys_stand_in_a_file_and_are_those_that_it_holds_now(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document("k1"))
    place = source(file=str(path))

    first, again = place.read(), place.read()
    path.write_bytes(document("k2"))
    second = place.read()

    assert names_of(first.keys.keys) == ["k1"]
    assert again is first
    assert names_of(second.keys.keys) == ["k2"]


def test_a_file_may_be_a_link_to_the_one_that_counts(tmp_path: Path) -> None:
    for name in ("k1", "k2"):
        (tmp_path / name).write_bytes(document(name))
    link = tmp_path / "keys.json"
    link.symlink_to("k1")
    place = source(file=str(link))

    first = place.read()
    link.unlink()
    link.symlink_to("k2")

    assert names_of(first.keys.keys) == ["k1"]
    assert names_of(place.read().keys.keys) == ["k2"]


@pytest.mark.parametrize(("mode", "is_taken"), [(0o644, True), (0o660, True), (0o646, False), (0o602, False)])
def test_a_file_that_everybody_may_write_is_nobodys(tmp_path: Path, mode: int, is_taken: bool) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document("k1"))
    path.chmod(mode)
    place = source(file=str(path))

    if is_taken:
        assert names_of(place.read().keys.keys) == ["k1"]
    else:
        assert error_of(place) == f"`{path}` may be written by everybody"


def test_a_file_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document("k1"))
    place = source(file=str(path))
    owner = path.stat().st_uid

    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        # What belongs to root is good for everybody: the file has to be somebody's to be anybody else's.
        os.chown(path, 4242, -1)

    assert error_of(place) == f"`{path}` belongs to another user"


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    missing, folder, large, pipe = (tmp_path / name for name in ("missing", "folder", "large", "pipe"))
    folder.mkdir()
    large.write_bytes(bytes(300_000))
    os.mkfifo(pipe)

    assert error_of(source(file=str(missing))) == f"`{missing}` cannot be read: no such file or directory"
    assert error_of(source(file=str(folder))) == f"`{folder}` is no regular file"
    assert error_of(source(file=str(large))) == f"`{large}` is larger than 262144 bytes"
    assert error_of(source(file=str(pipe))) == f"`{pipe}` is no regular file"


# -------------------------------------------------------------------------------------------------------------- bundles


def bundle(**more: Any) -> bytes:
    return document("k1", **more).replace(b'"use": "sig"', b'"use": "jwt-svid"')


def test_a_bundle_says_when_to_come_again() -> None:
    pages = Pages({KEYS: Answer(bundle(spiffe_refresh_hint=600, spiffe_sequence=4), None)})

    found = source(pages, "spiffe://example.org", "jwt-svid", spiffe_bundle=KEYS).read()

    assert (names_of(found.keys.keys), found.fresh, found.keys.sequence) == (["k1"], 600, 4)


def test_the_sooner_of_two_hints_counts() -> None:
    pages = Pages({KEYS: Answer(bundle(spiffe_refresh_hint=600), 60.0)})

    assert source(pages, "spiffe://example.org", "jwt-svid", spiffe_bundle=KEYS).read().fresh == 60.0


def test_a_bundle_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(bundle())

    found = source(None, "spiffe://example.org", "jwt-svid", spiffe_bundle=str(path)).read()

    assert names_of(found.keys.keys) == ["k1"]


def test_keys_of_an_openid_issuer_are_none_of_a_bundle() -> None:
    pages = Pages({KEYS: document("k1")})

    assert source(pages, "spiffe://example.org", "jwt-svid", spiffe_bundle=KEYS).read().keys.keys == ()


# -------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "keys come from exactly one of `discovery`, `jwks_uri`, `file`, `spiffe_bundle`"),
        (
            {"discovery": True, "file": "keys.json"},
            "keys come from exactly one of `discovery`, `jwks_uri`, `file`, `spiffe_bundle`",
        ),
        ({"jwks_uri": "http://id.example/"}, f"no keys are taken from `http://id.example/`: {PLAIN}"),
        (
            {"spiffe_bundle": "bundle.json"},
            'keys of a `spiffe_bundle` are for tokens of the profile "jwt-svid" alone',
        ),
        ({"discovery": True, "timeout": 0.0}, "`timeout` is no number of seconds above nothing"),
        ({"discovery": True, "timeout": float("inf")}, "`timeout` is no number of seconds above nothing"),
        ({"discovery": True, "refresh": 10.0}, "`cooldown` is longer than `refresh`"),
    ],
)
def test_options_that_name_no_keys_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(KeysError) as found:
        module.of(options(**keys))

    assert str(found.value) == said


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("http://id.example", PLAIN),
        ("kubernetes/serviceaccount", "an address begins by https:// and a host"),
        ("https://id.example?tenant=1", "it has a query"),
        ("https://id.example#a", "an address has no fragment"),
    ],
)
def test_an_issuer_whose_name_is_no_address_tells_nothing_of_itself(issuer: str, said: str) -> None:
    with pytest.raises(KeysError) as found:
        module.of(options(issuer, discovery=True))

    assert str(found.value) == f"no keys are taken from `{issuer}`: {said}"


def test_a_file_is_looked_at_every_two_seconds_and_counts_for_as_long_as_is_configured() -> None:
    assert module.pace_of(KeysOptions(file="keys.json")) == Pace(refresh=2.0, cooldown=1.0, max_stale=3600.0)
    assert module.pace_of(KeysOptions(spiffe_bundle="b.json")) == Pace(refresh=2.0, cooldown=1.0, max_stale=3600.0)
    assert module.pace_of(KeysOptions(spiffe_bundle="https://b.example")) == Pace()
    assert module.pace_of(KeysOptions(jwks_uri=KEYS)) == Pace()


def test_a_store_of_options_reads_in_a_thread_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document("k1"))
    store = module.of(options(file=str(path)))

    store.start().result(5.0)

    assert store.find("k1", "ES256").kid == "k1"
    assert store.problem is None
    store.close()


# ---------------------------------------------------------------------------------------------------------------- token


def secret(folder: Path, text: str = "t0ken") -> Secret:
    path = folder / "token"
    path.touch(mode=0o600)
    path.write_text(text)
    return Secret(file=str(path))


def authorization(server: Server) -> list[str | None]:
    """Return what a server was asked with, each time."""
    lines = [head.decode().lower().split("\r\n") for head in server.heads]
    return [next((each for each in line if each.startswith("authorization:")), None) for line in lines]


def test_a_server_is_asked_with_the_token_that_the_file_holds_then(tmp_path: Path) -> None:
    with serving(says(document("k1"))) as server:
        place = source(jwks_uri=f"{server.url}/openid/v1/jwks", token=secret(tmp_path))

        place.read()
        secret(tmp_path, "an0ther\n")
        place.read()

    assert authorization(server) == ["authorization: bearer t0ken", "authorization: bearer an0ther"]


def test_the_token_is_shown_to_no_other_host(tmp_path: Path) -> None:
    with serving(says(document("k1"))) as other, serving(says(b"")) as server:
        server.answer = says(told(issuer=server.url, jwks_uri=f"{other.url}/keys"))

        source(issuer=server.url, discovery=True, token=secret(tmp_path)).read()

    assert authorization(server) == ["authorization: bearer t0ken"]
    assert authorization(other) == [None]


def test_a_token_that_cannot_be_had_asks_nobody(tmp_path: Path) -> None:
    with serving(says(document("k1"))) as server:
        place = source(jwks_uri=f"{server.url}/keys", token=secret(tmp_path))
        (tmp_path / "token").unlink()

        said = error_of(place)

    assert server.asked == []
    assert said.startswith("the token to ask for keys with cannot be had: ")


def test_options_with_a_token_that_is_none_are_refused(tmp_path: Path) -> None:
    missing = Secret(file=str(tmp_path / "missing"))

    with pytest.raises(KeysError, match=r"^the token to ask for keys with cannot be had: "):
        module.of(options(jwks_uri=KEYS, token=missing))
    with pytest.raises(KeysError, match=r"^nobody asks for a file with a `token`$"):
        module.of(options(file="keys.json", token=missing))
