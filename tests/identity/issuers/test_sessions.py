"""A verified token says how its principal proved who it is, since when and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp import ref
from pdp.errors import TokenError
from pdp.identity.options import IssuerOptions, KeysOptions, PrincipalOptions, SessionOptions
from pdp.identity.sessions import Sessions
from pdp.values import SECOND, Datetime
from tests.identity.tokens import NOW

CLAIMS = {"iss": "https://id.example.org", "sub": "ada", "iat": NOW - 60, "exp": NOW + 540}
MICROS = NOW * SECOND


def sessions(profile: str = "access-token", **session: object) -> Sessions:
    options = IssuerOptions(
        issuer="https://id.example.org",
        profile=profile,
        audience=("pdp",),
        lifetime=600.0,
        algorithms=("RS256",),
        keys=KeysOptions(discovery=True),
        principal=PrincipalOptions(type="User", id="sub"),
        session=SessionOptions(**session),
    )
    return Sessions.of(options)


def session(reader: Sessions | None = None, until: int = MICROS + 540 * SECOND, key=None, actor=None, **claims: object):
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...}
    return dict(
        (reader or sessions()).session(told, issuer=CLAIMS["iss"], now=MICROS, until=until, key=key, actor=actor)
    )


def seconds(found: object) -> float:
    assert isinstance(found, Datetime)
    return found.micros / SECOND - NOW


def test_a_session_has_what_the_language_knows_of_it():
    found = session(
        auth_time=NOW - 300, amr=["pwd", "mfa"], acr="gold", jti="t1", sid="s1", key="thumb", actor=ref("Agent", "bot")
    )

    assert seconds(found.pop("issued_at")) == -60
    assert seconds(found.pop("expires_at")) == 540
    assert seconds(found.pop("authenticated_at")) == -300
    assert found == {
        "mfa": True,
        "methods": ["pwd", "mfa"],
        "acr": "gold",
        "issuer": "https://id.example.org",
        "token_id": "t1",
        "session_id": "s1",
        "key_id": "thumb",
        "bound": True,
        "actor": ref("Agent", "bot"),
    }


def test_what_a_token_does_not_say_is_not_there():
    found = session()

    assert {*found} == {"issuer", "issued_at", "expires_at", "bound", "mfa"}
    assert (found["mfa"], found["bound"]) == (False, False)


@pytest.mark.parametrize(
    ("amr", "acr", "mfa"),
    [
        (["pwd"], "gold", True),
        (["hwk"], "tin", True),
        (["pwd"], "tin", False),
        ([], ..., False),
        (..., "gold", True),
        (["mfa"], ..., False),
        (["MFA", "HWK"], "Gold", False),
    ],
)
def test_a_second_factor_is_what_the_issuer_calls_one(amr, acr, mfa):
    reader = sessions(mfa_amr=("hwk",), mfa_acr=("gold",))

    assert session(reader, amr=amr, acr=acr)["mfa"] is mfa


def test_when_somebody_signed_in_is_not_guessed_from_when_the_token_was_issued():
    assert "authenticated_at" not in session(sessions("access-token"))
    assert seconds(session(sessions("access-token", without_auth_time="issued"))["authenticated_at"]) == -60


@pytest.mark.parametrize("profile", ["github-actions", "gitlab", "kubernetes", "jwt-svid"])
def test_a_machine_proves_who_it_is_when_it_gets_its_token(profile):
    found = session(sessions(profile))

    assert seconds(found["authenticated_at"]) == -60
    assert found["methods"] == []


def test_a_clock_that_is_ahead_makes_no_session_of_the_future():
    found = session(iat=NOW + 20, auth_time=NOW + 10)

    assert seconds(found["issued_at"]) == 0
    assert seconds(found["authenticated_at"]) == 0


def test_nobody_signed_in_after_the_token_was_issued():
    assert seconds(session(auth_time=NOW - 1)["authenticated_at"]) == -60


def test_a_session_ends_when_the_token_does_or_sooner():
    assert seconds(session(until=MICROS + 5 * SECOND)["expires_at"]) == 5
    assert seconds(session(until=MICROS + 9999 * SECOND)["expires_at"]) == 540


def test_names_stand_where_the_options_say():
    reader = sessions(device=("device", "id"), session="session_state")

    found = session(reader, device={"id": "laptop"}, session_state="s9", sid="s1")

    assert (found["device_id"], found["session_id"]) == ("laptop", "s9")


@pytest.mark.parametrize("claim", ["jti", "sid", "acr", "amr", "iat", "exp", "auth_time"])
@pytest.mark.parametrize("value", [None, True, 1.5, -1, {}, [1], ["a\n"], "", "a\0", "x" * 1025])
def test_what_is_said_in_an_odd_way_is_refused(claim, value):
    with pytest.raises(TokenError) as caught:
        session(**{claim: value})

    assert caught.value.code == "invalid_claims"
    assert f"`{claim}`" in str(caught.value)


def test_very_many_methods_are_refused():
    with pytest.raises(TokenError):
        session(amr=["x"] * 65)


JSON = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.text())
    | st.dictionaries(st.text(), st.text())
)


@given(claims=st.dictionaries(st.sampled_from(["iat", "exp", "auth_time", "jti", "sid", "amr", "acr"]), JSON))
def test_whatever_the_claims_are_a_session_is_never_from_the_future_nor_longer_than_its_token(claims):
    try:
        found = session(**claims)
    except TokenError:
        return

    assert found["expires_at"].micros <= MICROS + 540 * SECOND
    assert all(found[name].micros <= MICROS for name in ("issued_at", "authenticated_at") if name in found)
    assert found["mfa"] is ("mfa" in found.get("methods", ()))
