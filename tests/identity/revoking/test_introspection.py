"""A token is active when its issuer says exactly that, of exactly that token (RFC 7662)."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.configuration.secret import Secret
from pdp.errors import TokenError
from pdp.identity.entries import Entry
from pdp.identity.issuers import Issuers
from pdp.identity.loading import Configuration
from pdp.identity.options import IntrospectionOptions, IssuerOptions, KeysOptions, Options, PrincipalOptions
from pdp.identity.revoking import confirmers
from tests.identity.revoking.held import Held
from tests.identity.revoking.revoked import Noted
from tests.identity.tokens import token

POLICY = """
type User
type Page
action read on Page by User
rule everybody_reads: permit User to read on Page
"""

CLAIMS = {
    "iss": "https://id.example.org",
    "sub": "ada",
    "jti": "t-1",
    "aud": ["https://api.example.org", "https://other.example.org"],
    "client_id": "shop",
}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTROSPECTION", "a:b/c%d")


def options(**more: Any) -> IssuerOptions:
    asked = IntrospectionOptions(
        url="https://id.example.org/introspect", client_id="pdp:one", client_secret=Secret(env="INTROSPECTION")
    )
    return IssuerOptions(
        issuer="https://id.example.org",
        profile="access-token",
        audience=("https://api.example.org",),
        lifetime=3600,
        algorithms=("RS256",),
        keys=KeysOptions(discovery=True),
        principal=PrincipalOptions(type="User", id="sub"),
        **({"introspection": asked} | more),
    )


def outcome(answer: Any, claims: Any = CLAIMS, revoker: Noted | None = None) -> str:
    """Return `counts`, or the code of the refusal, where an endpoint answers so."""

    def answered(_: httpx.Request) -> httpx.Response:
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    (confirmer,) = confirmers.of(options(), revoker=revoker, transport=httpx.MockTransport(answered))
    try:
        confirmer.confirm("a.b.c", claims)
    except TokenError as error:
        return error.code
    finally:
        confirmer.close()
    return "counts"


def test_nobody_is_asked_where_nothing_says_so():
    assert confirmers.of(options(introspection=None)) == ()


def test_an_active_token_counts():
    assert outcome({"active": True}) == "counts"


def test_the_token_is_sent_with_the_credentials_of_the_client():
    seen: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"active": True})

    (confirmer,) = confirmers.of(options(), transport=httpx.MockTransport(answered))
    confirmer.confirm("a.b.c", CLAIMS)
    confirmer.close()

    (request,) = seen
    kind, _, given = request.headers["authorization"].partition(" ")
    assert (request.method, str(request.url)) == ("POST", "https://id.example.org/introspect")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {"token": ["a.b.c"]}
    # Each half is encoded by itself (RFC 6749, 2.3.1).
    assert (kind, base64.b64decode(given)) == ("Basic", b"pdp%3Aone:a%3Ab%2Fc%25d")


def test_an_inactive_token_is_refused_and_revoked():
    revoker = Noted()

    assert outcome({"active": False}, revoker=revoker) == "token_inactive"
    assert revoker.told == [{"token": "t-1", "issuer": "https://id.example.org"}]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"active": "true"},
        {"active": 1},
        {"active": None},
        {"Active": True},
        {"active": [True]},
        [True],
        httpx.Response(200, content=b'{"active": false, "active": true}', headers={"content-type": "application/json"}),
        httpx.Response(500, json={"active": True}),
        httpx.Response(302, json={"active": True}, headers={"location": "https://id.example.org/"}),
        httpx.Response(200, content=b'{"active": true}'),
    ],
)
def test_what_does_not_say_so_confirms_nothing_and_revokes_nothing(answer):
    revoker = Noted()

    assert outcome(answer, revoker=revoker) == "token_unconfirmed"
    assert revoker.told == []


@pytest.mark.parametrize(
    "named",
    [
        {"iss": "https://id.example.org/"},
        {"iss": None},
        {"sub": "eve"},
        {"sub": ["ada"]},
        {"jti": "t-2"},
        {"client_id": "other"},
        {"cnf": {"jkt": "x"}},
        {"aud": "https://third.example.org"},
        {"aud": []},
        {"aud": None},
        {"aud": ["https://api.example.org", 7]},
        {"aud": ["https://api.example.org", "https://third.example.org"]},
        # It is for whom the token names too, and not for those who are asked here.
        {"aud": "https://other.example.org"},
    ],
)
def test_an_answer_about_another_token_confirms_nothing(named):
    assert outcome({"active": True} | named) == "token_unconfirmed"


def test_an_answer_names_the_token_as_it_names_itself():
    assert outcome({"active": True} | CLAIMS | {"username": "Ada", "scope": "read", "exp": 1}) == "counts"
    assert outcome({"active": True, "aud": "https://api.example.org"}) == "counts"


def test_a_client_is_compared_where_the_token_names_one():
    claims = {name: value for name, value in CLAIMS.items() if name != "client_id"}

    assert outcome({"active": True, "client_id": "shop"}, claims) == "counts"
    assert outcome({"active": True, "jti": "t-1"}, {"iss": "x"}) == "token_unconfirmed"


def test_one_and_true_are_not_the_same():
    claims = CLAIMS | {"cnf": {"x": 1}}

    assert outcome({"active": True, "cnf": {"x": True}}, claims) == "token_unconfirmed"
    assert outcome({"active": True, "cnf": {"x": 1}}, claims) == "counts"


@pytest.mark.parametrize("value", [None, "", "b\u00e4d"])
def test_without_the_secret_nothing_is_asked(monkeypatch, value):
    monkeypatch.delenv("INTROSPECTION")
    if value is not None:
        monkeypatch.setenv("INTROSPECTION", value)

    assert outcome({"active": True}) == "token_unconfirmed"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(answer=st.dictionaries(st.sampled_from(["active", "iss", "sub", "jti", "aud", "cnf", "x"]), json_values))
def test_whatever_is_answered_only_an_active_token_counts(answer):
    found = outcome(answer)

    assert found in {"counts", "token_inactive", "token_unconfirmed"}
    assert (found == "token_inactive") == (answer.get("active") is False)
    if found == "counts":
        assert answer["active"] is True
        assert all(answer[name] == CLAIMS[name] for name in ("iss", "sub", "jti") if name in answer)


@pytest.mark.parametrize("url", ["http://id.example.org/introspect", "id.example.org"])
def test_a_url_that_others_may_hear_is_no_configuration(url):
    asked = IntrospectionOptions(url=url, client_id="pdp", client_secret=Secret(env="INTROSPECTION"))

    with pytest.raises(ValueError, match=r"address|plain http"):
        confirmers.of(options(introspection=asked))


def test_an_engine_that_takes_tokens_revokes_what_their_issuer_takes_back():
    answers = [True, False]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"active": answers.pop(0)}))
    given = options()
    given = msgspec.structs.replace(given, introspection=msgspec.structs.replace(given.introspection, keep=0))
    entry = Entry.of(given, Held("k1"), confirmers.of(given, transport=transport))
    now = int(time.time())
    text = token(CLAIMS | {"iat": now, "exp": now + 600, "auth_time": now}, {"typ": "at+jwt"})
    issuers = Issuers(Configuration(options=Options(issuers=(given,))), [entry])
    engine = pdp.Engine.from_text(POLICY, identity=issuers)

    identity = engine.session_from(text)
    before = engine.allows(identity.ref, "read", pdp.ref("Page", "home"), session=identity.session)
    with pytest.raises(TokenError) as caught:
        engine.session_from(text)
    after = engine.allows(identity.ref, "read", pdp.ref("Page", "home"), session=identity.session)
    issuers.close()

    assert (before, caught.value.code, after) == (True, "token_inactive", False)
