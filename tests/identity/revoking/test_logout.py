"""An issuer's word that a session is over is taken when it is verified, and ends that session and no other."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.errors import RecordError, RequestError, TokenError
from pdp.identity.issuer import Issuer
from pdp.identity.options import IssuerOptions, KeysOptions, LogoutOptions, PrincipalOptions, SessionOptions
from pdp.identity.revoking.logout import EVENT, LIFETIME, Logouts
from tests.identity.revoking.held import Held
from tests.identity.revoking.revoked import Noted
from tests.identity.tokens import NOW, signed, token

ISSUER, CLIENT = "https://id.example.org", "pdp-client"
SESSION = {"session": "s-1", "issuer": ISSUER}
ADA = {
    "principal": pdp.ref("User", "ada"),
    "not_before": datetime.datetime.fromtimestamp(NOW, datetime.UTC),
}


def entry(keys: Held | None = None, **more: Any) -> Issuer:
    options: dict[str, Any] = {
        "issuer": ISSUER,
        "profile": "id-token",
        "audience": (CLIENT,),
        "lifetime": 3600,
        "algorithms": ("RS256",),
        "keys": KeysOptions(discovery=True),
        "principal": PrincipalOptions(type="User", id="sub"),
        "logout": LogoutOptions(audience=(CLIENT,)),
    }
    return Issuer(options=IssuerOptions(**options | more), keys=keys or Held("k1"))


def logouts(*entries: Issuer, revoker: Any = None, now: float = NOW, **more: Any) -> Logouts:
    by_issuer: dict[str, list[Issuer]] = {}
    for each in entries or (entry(),):
        by_issuer.setdefault(each.options.issuer, []).append(each)
    given: dict[str, Any] = {"now": lambda: int(now * 1_000_000), "leeway": 30, "largest": 8192} | more
    return Logouts(by_issuer, revoker=Noted() if revoker is None else revoker, **given)


def claims(**more: Any) -> dict[str, Any]:
    found = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "l-1",
        "sid": "s-1",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in (found | more).items() if value is not None}


def logout(header: Mapping[str, Any] | None = None, name: str = "k1", **more: Any) -> str:
    return token(claims(**more), {"typ": "logout+jwt"} | dict(header or {}), name=name)


def ended(text: str, *entries: Issuer, **more: Any) -> list[dict[str, Any]]:
    revoker = Noted()
    logouts(*entries, revoker=revoker, **more).end(text)
    return revoker.told


def refused(text: str, *entries: Issuer, **more: Any) -> str:
    revoker = Noted()
    with pytest.raises(TokenError) as caught:
        logouts(*entries, revoker=revoker, **more).end(text)
    assert revoker.told == []
    assert "ada" not in str(caught.value) and ISSUER not in str(caught.value)
    return caught.value.code


# ------------------------------------------------------------------------------------------------------- what it ends


def test_a_session_is_revoked_by_its_name_and_its_issuer():
    assert ended(logout()) == [SESSION]
    assert ended(logout(sub="ada")) == [SESSION]


def test_without_a_session_whoever_signed_in_before_is_revoked():
    assert ended(logout(sid=None, sub="ada")) == [ADA]


@pytest.mark.parametrize(
    "header", [{"typ": None}, {"typ": "JWT"}, {"typ": "application/logout+jwt"}, {"typ": "Logout+JWT"}]
)
def test_it_says_that_it_is_a_logout_token_or_nothing(header):
    assert ended(logout(header)) == [SESSION]


def test_what_comes_with_the_event_changes_nothing():
    assert ended(logout(events={EVENT: {"more": 1}, "https://other.example.org/event": {}}, more="x")) == [SESSION]


def test_where_sessions_are_known_by_another_claim_the_principal_is_revoked():
    other = entry(session=SessionOptions(session="session_state"))

    assert ended(logout(sub="ada"), other) == [ADA]
    assert refused(logout(), other) == "no_principal"


def test_each_entry_that_it_is_for_ends_its_own():
    people, agents = entry(), entry(principal=PrincipalOptions(type="Agent", id="sub"), profile="access-token")
    others = entry(logout=LogoutOptions(audience=("another",)), principal=PrincipalOptions(type="Other", id="sub"))

    found = ended(logout(sid=None, sub="ada"), people, agents, others, entry(logout=None))

    assert [each["principal"] for each in found] == [pdp.ref("User", "ada"), pdp.ref("Agent", "ada")]
    assert ended(logout(), people, agents) == [SESSION]


def test_an_entry_that_can_make_nothing_of_it_keeps_no_other_from_it():
    revoker, other = Noted(), entry(session=SessionOptions(session="session_state"))
    receiver = logouts(other, entry(), revoker=revoker)

    with pytest.raises(TokenError) as caught:
        receiver.end(logout())

    assert caught.value.code == "no_principal"
    assert revoker.told == [SESSION]


def test_a_key_that_is_coming_is_waited_for():
    assert ended(logout({"kid": "k2"}, name="k2"), entry(Held("k1", coming="k2"))) == [SESSION]


# ------------------------------------------------------------------------------------------------- what it has to be


@pytest.mark.parametrize(
    ("header", "more", "code"),
    [
        ({"typ": "at+jwt"}, {}, "wrong_type"),
        ({"typ": "secevent+jwt"}, {}, "wrong_type"),
        ({"typ": "dpop+jwt"}, {}, "wrong_type"),
        ({"typ": "statuslist+jwt"}, {}, "wrong_type"),
        ({"typ": 7}, {}, "invalid_header"),
        ({"kid": "k9"}, {}, "unknown_key"),
        ({"alg": "none"}, {}, "wrong_algorithm"),
        ({"alg": "HS256"}, {}, "wrong_algorithm"),
        ({"alg": "ES256"}, {}, "wrong_algorithm"),
        ({"crit": ["exp"]}, {}, "invalid_header"),
        ({}, {"events": None}, "wrong_type"),
        ({}, {"events": {}}, "wrong_type"),
        ({}, {"events": [EVENT]}, "wrong_type"),
        ({}, {"events": EVENT}, "wrong_type"),
        ({}, {"events": {EVENT + "/": {}}}, "wrong_type"),
        ({}, {"events": {EVENT: True}}, "invalid_claims"),
        ({}, {"events": {EVENT: None}}, "invalid_claims"),
        ({}, {"nonce": "n"}, "wrong_type"),
        ({}, {"nonce": ""}, "wrong_type"),
        ({}, {"sid": None}, "invalid_claims"),
        ({}, {"sid": 7}, "invalid_claims"),
        ({}, {"sid": ""}, "invalid_claims"),
        ({}, {"sid": "a\0b"}, "invalid_claims"),
        ({}, {"sub": ["ada"]}, "invalid_claims"),
        ({}, {"jti": None}, "invalid_claims"),
        ({}, {"jti": 1}, "invalid_claims"),
        ({}, {"iss": None}, "invalid_claims"),
        ({}, {"iss": [ISSUER]}, "invalid_claims"),
        ({}, {"iss": ISSUER + "/"}, "unknown_issuer"),
        ({}, {"aud": "another"}, "wrong_audience"),
        ({}, {"aud": None}, "invalid_claims"),
        ({}, {"aud": {CLIENT: 1}}, "invalid_claims"),
        ({}, {"iat": None}, "invalid_claims"),
        ({}, {"exp": None}, "invalid_claims"),
        ({}, {"exp": str(NOW + 9)}, "invalid_claims"),
        ({}, {"exp": NOW + 9.5}, "invalid_claims"),
        ({}, {"iat": NOW - 500, "exp": NOW - 30}, "token_expired"),
        ({}, {"iat": NOW + 31, "exp": NOW + 99}, "token_not_yet_valid"),
        ({}, {"exp": NOW + int(LIFETIME) + 1}, "token_lives_too_long"),
        ({}, {"sid": None, "sub": "a\u202eb"}, "no_principal"),
    ],
)
def test_what_is_no_logout_token_ends_nothing(header, more, code):
    assert refused(logout(header, **more)) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed_token"),
        ("a.b.c.d.e", "encrypted_token"),
        ("x" * 9000, "token_too_large"),
        (logout() + "=", "malformed_token"),
        (logout()[:-14], "wrong_signature"),
        (
            signed(json.dumps({"alg": "RS256", "kid": "k1"}), json.dumps(claims())[:-1] + ',"sid":"s-2"}'),
            "invalid_claims",
        ),
    ],
)
def test_what_is_no_token_ends_nothing(text, code):
    assert refused(text) == code


def test_a_token_of_another_key_ends_nothing():
    assert refused(logout({"kid": "k1"}, name="k2")) == "wrong_signature"


def test_another_issuer_says_nothing_of_the_subjects_of_this_one():
    other = entry(Held("k2"), issuer="https://other.example.org")

    assert refused(logout({"kid": "k2"}, name="k2"), entry(), other) == "unknown_key"
    assert ended(logout({"kid": "k2"}, name="k2", iss="https://other.example.org"), entry(), other) == [
        {"session": "s-1", "issuer": "https://other.example.org"}
    ]


def test_an_issuer_that_is_not_asked_to_says_nothing():
    assert refused(logout(), entry(logout=None)) == "unknown_issuer"


def test_an_id_token_or_access_token_is_no_logout_token():
    text = token({"iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 9, "sub": "ada", "sid": "s-1", "jti": "x"})

    assert refused(text) == "wrong_type"


@given(data=st.data())
def test_a_token_that_is_changed_anywhere_ends_nothing(data):
    text = logout()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set("AZaz09-_.=") - {text[place]})))

    assert refused(text[:place] + other + text[place + 1 :])


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, NOW * 2)
    | st.text(max_size=5)
    | st.sampled_from([EVENT, ISSUER, CLIENT]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4) | st.just(EVENT), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(more=st.dictionaries(st.sampled_from([*claims(), "sub", "nonce", "nbf"]), junk, max_size=3))
def test_whatever_it_claims_it_ends_a_session_or_is_refused(more):
    try:
        found = ended(logout(**more))
    except TokenError:
        return

    assert len(found) == 1
    assert found[0].get("session") == (more.get("sid") or "s-1") or "sid" in more


# ------------------------------------------------------------------------------------------------------------- twice


def test_a_token_ends_something_once():
    revoker = Noted()
    receiver = logouts(revoker=revoker)
    receiver.end(logout())

    with pytest.raises(TokenError) as caught:
        receiver.end(logout())

    assert caught.value.code == "token_replayed"
    assert len(revoker.told) == 1


def test_the_name_of_a_token_is_that_of_its_issuer_alone():
    other, revoker = entry(issuer="https://other.example.org"), Noted()
    receiver = logouts(entry(), other, revoker=revoker)

    receiver.end(logout())
    receiver.end(logout(iss="https://other.example.org"))
    receiver.end(logout(jti="l-2"))

    assert len(revoker.told) == 3


@pytest.mark.parametrize("error", [RecordError("the disk is full"), RequestError("no such type")])
def test_what_could_not_be_revoked_is_not_taken_for_done(error):
    revoker = Noted()
    receiver = logouts(revoker=revoker)
    revoker.fails = error

    with pytest.raises(type(error)):
        receiver.end(logout())
    revoker.fails = None
    receiver.end(logout())

    assert revoker.told == [SESSION]


def test_no_more_tokens_are_remembered_than_may_be():
    revoker = Noted()
    receiver = logouts(revoker=revoker, remembered=2)

    for name in ("a", "b", "c", "a"):
        receiver.end(logout(jti=name))

    assert len(revoker.told) == 4


# ------------------------------------------------------------------------------------------------------ in an engine


def test_a_session_that_is_over_is_denied_from_then_on():
    engine = pdp.Engine.from_text("""
        type User
        type Page
        action read on Page by User
        rule everybody_reads: permit User to read on Page
    """)
    now = datetime.datetime.now(datetime.UTC)
    begun = {"mfa": True, "methods": ["otp"], "authenticated_at": now, "issuer": ISSUER, "session_id": "s-1"}

    def allowed(**more: Any) -> bool:
        return engine.allows(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), session=begun | more)

    before = allowed()
    logouts(revoker=engine).end(logout())

    assert before
    assert not allowed()
    assert allowed(session_id="s-2")
    assert allowed(issuer="https://other.example.org")
