"""What claims have to be, whoever issued them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity.entries import AUDIENCE, claims, code, entry, made, refusal, verify
from identity.tokens import NOW, signed

from pdp.errors import TokenError
from pdp.identity.claims import Clock, hold_required

YEAR = 365 * 86_400


def raw(**written: str) -> str:
    """Return a token some of whose claims are written as they stand here."""
    kept = {name: json.dumps(value) for name, value in claims().items() if name not in written} | written
    return signed('{"alg":"RS256","kid":"k1"}', "{" + ",".join(f'"{name}":{each}' for name, each in kept.items()) + "}")


NO_INSTANTS = ["null", "true", "false", f'"{NOW}"', f"{NOW}.0", f"{NOW}.5", "1.7e9", "1795860600e0", "[]", "{}", "-1"]
NO_INSTANTS += [f"[{NOW}]", "253402300800", "9223372036854775807", "-0.0", '""', f'" {NOW}"']


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("written", NO_INSTANTS)
def test_an_instant_is_a_whole_number_of_seconds(name, written):
    assert code(raw(**{name: written})) == "invalid_claims"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("written", ["NaN", "Infinity", "1e400", "9" * 4000, "18446744073709551616"])
def test_an_instant_is_none_of_the_numbers_that_are_none(name, written):
    assert code(raw(**{name: written})) == "malformed_token"


@pytest.mark.parametrize("name", ["exp", "iat", "aud", "sub", "iss"])
def test_a_token_says_whose_it_is_for_whom_and_for_how_long(name):
    assert code(made(**{name: None})) == "invalid_claims"


@pytest.mark.parametrize("leeway", [0, 30, 60])
def test_a_token_ends_on_the_second(leeway):
    text = made(exp=NOW + 600)

    assert verify(text, now=NOW + 599 + leeway, leeway=leeway).claims["exp"] == NOW + 600
    assert code(text, now=NOW + 600 + leeway, leeway=leeway) == "token_expired"


@pytest.mark.parametrize("leeway", [0, 30, 60])
@pytest.mark.parametrize("name", ["iat", "nbf", "auth_time"])
def test_a_token_begins_on_the_second(name, leeway):
    text = made(**{name: NOW + leeway})

    assert verify(text, leeway=leeway).claims[name] == NOW + leeway
    assert code(text, now=NOW - 1, leeway=leeway) == "token_not_yet_valid"


@pytest.mark.parametrize("leeway", [61, 3600, 1e9])
def test_clocks_are_a_minute_apart_at_most(leeway):
    assert code(made(exp=NOW + 600), now=NOW + 660, leeway=leeway) == "token_expired"
    assert code(made(iat=NOW + 61), leeway=leeway) == "token_not_yet_valid"


def test_clocks_are_never_less_than_right():
    assert verify(made(exp=NOW + 600), now=NOW + 599, leeway=-100).until == (NOW + 600) * 1_000_000


@pytest.mark.parametrize("leeway", [float("nan"), float("inf")])
def test_a_leeway_that_is_no_number_takes_nothing(leeway):
    with pytest.raises((ValueError, OverflowError)):
        verify(made(), leeway=leeway)


def test_a_token_lives_no_longer_than_those_of_its_issuer():
    assert verify(made(iat=NOW - 60, exp=NOW + 3540)).until
    assert code(made(iat=NOW - 60, exp=NOW + 3541)) == "token_lives_too_long"
    assert code(made(exp=NOW + 100 * YEAR)) == "token_lives_too_long"
    assert code(made(exp=NOW + 600), entry(lifetime=float("nan"))) == "token_lives_too_long"


def test_a_token_is_not_older_than_its_time():
    assert code(made(iat=0, exp=NOW + 60)) == "token_lives_too_long"
    assert code(made(iat=NOW, exp=NOW)) == "invalid_claims"
    assert code(made(iat=NOW, exp=NOW - 10)) == "invalid_claims"
    assert code(made(iat=NOW - 7200, exp=NOW - 3600)) == "token_expired"


@pytest.mark.parametrize("shift", [-3600, 3600])
def test_a_clock_that_is_an_hour_off_takes_no_token_of_ten_minutes(shift):
    found = code(made(iat=NOW, exp=NOW + 600), now=NOW + shift)

    assert found == ("token_expired" if shift > 0 else "token_not_yet_valid")


NO_AUDIENCES: list[Any] = [[], "", [""], [7], [AUDIENCE, 7], {AUDIENCE: 1}, {"aud": AUDIENCE}, 7, True, [[AUDIENCE]]]
OTHERS: list[Any] = [AUDIENCE[:-1], AUDIENCE + "/", AUDIENCE.upper(), f" {AUDIENCE}", [AUDIENCE + "x"], "*", ["https:"]]


@pytest.mark.parametrize("audience", NO_AUDIENCES)
def test_an_audience_is_a_text_or_a_list_of_texts(audience):
    assert code(made(aud=audience)) == "invalid_claims"


@pytest.mark.parametrize("audience", OTHERS)
def test_an_audience_is_compared_as_it_is(audience):
    assert code(made(aud=audience)) == "wrong_audience"


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example.com", AUDIENCE]])
def test_a_token_is_for_one_of_those_that_are_configured(audience):
    assert verify(made(aud=audience), entry(audience=("x", AUDIENCE))).claims["aud"] == audience


def test_without_a_configured_audience_no_token_is_taken():
    assert code(made(), entry(audience=())) == "wrong_audience"


NO_SUBJECTS: list[Any] = ["", "ada\0", "\0", "a\nda", "a\x7fda", "a\x85da", 7, True, ["ada"], {"id": "ada"}, "a" * 2049]


@pytest.mark.parametrize("subject", NO_SUBJECTS)
def test_a_subject_is_a_text_that_names_somebody(subject):
    assert code(made(sub=subject)) == "invalid_claims"


@pytest.mark.parametrize("subject", ["аda", "ada\u200b", "ADA", " ada", "e\u0301", "\u00e9", "a" * 2048])
def test_a_subject_that_looks_like_another_stays_what_it_is(subject):
    assert verify(made(sub=subject)).claims["sub"] == subject


SHAPES = [("jti", 7), ("jti", ""), ("jti", ["t"]), ("sid", 7), ("acr", ["a"]), ("acr", 1), ("amr", "mfa"), ("amr", [1])]
SHAPES += [("amr", {"mfa": True}), ("amr", [["mfa"]]), ("cnf", "x"), ("cnf", []), ("act", "ada"), ("act", ["ada"])]
SHAPES += [("azp", 7), ("client_id", ["c"]), ("jti", None), ("cnf", True), ("amr", [""]), ("jti", "t\n")]


@pytest.mark.parametrize(("name", "value"), SHAPES)
def test_a_claim_of_the_standards_is_of_its_type(name, value):
    written = json.dumps(value)

    assert code(raw(**{name: written})) == "invalid_claims"


REQUIRED: list[tuple[Any, Any, bool]] = [
    ("true", "true", True),
    ("true", True, False),
    (True, "true", False),
    (True, True, True),
    (1, True, False),
    (True, 1, False),
    (1, 1, True),
    (1, 1.0, False),
    (1.0, 1, False),
    ("1", 1, False),
    (0, False, False),
    (None, "x", False),
    ("main", ["main", "prod"], True),
    ("prod", ("main", "prod"), True),
    ("mainprod", ["main", "prod"], False),
    (["main"], ["main", "prod"], False),
    (["main"], "main", False),
    (1, [True, "1"], False),
    ("x", [], False),
    ("x", None, False),
    ("MAIN", "main", False),
    ("main ", "main", False),
    ("*", "main", False),
    ({"name": "pay"}, {"name": "pay"}, True),
    ({"name": "pay", "uid": "u"}, {"name": ["shop", "pay"]}, True),
    ({"name": "pay"}, {"name": "shop"}, False),
    ({"name": "pay"}, {"uid": "u"}, False),
    ("pay", {"name": "pay"}, False),
    (["pay"], {"0": "pay"}, False),
    ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1}}, {"a": {"b": True}}, False),
    ({"name": "pay"}, [{"name": "pay"}], False),
]


@pytest.mark.parametrize(("value", "wanted", "taken"), REQUIRED)
def test_a_claim_is_what_a_configuration_requires(value, wanted, taken):
    text = raw(env=json.dumps(value))

    if taken:
        assert verify(text, entry(require={"env": wanted})).claims["env"] == value
    else:
        assert code(text, entry(require={"env": wanted})) == "wrong_claim"


def test_every_claim_that_is_required_is_there():
    with pytest.raises(TokenError, match="`ref`"):
        hold_required({"env": "prod"}, {"env": "prod", "ref": "main"})
    with pytest.raises(TokenError, match="`ref`"):
        hold_required({}, {"ref": None})
    with pytest.raises(TokenError, match="`ref`"):
        hold_required({}, {"ref": {}})
    with pytest.raises(TokenError, match="`ref`"):
        hold_required({"ref": {}}, {"ref": {"name": {}}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(claims("kubernetes"))), JSON)
def test_whatever_a_claim_is_a_token_is_taken_or_refused(name, value):
    for profile in ("kubernetes", "generic"):
        try:
            found = verify(made(profile, **{name: value}), entry(profile))
        except TokenError as error:
            assert error.code
        else:
            assert found.claims.get(name) == value


@given(
    issued=st.integers(-100, 100),
    lasts=st.integers(-10, 4000),
    later=st.integers(-200, 4200),
    leeway=st.integers(0, 90),
)
def test_a_token_counts_while_its_times_say_so(issued, lasts, later, leeway):
    said = {"iat": NOW + issued, "exp": NOW + issued + lasts}
    apart = min(leeway, 60)
    counts = issued - apart <= later < issued + lasts + apart and 0 < lasts <= 3600

    try:
        until = Clock.at((NOW + later) * 1_000_000, leeway).hold(said, 3600.0)
    except TokenError as error:
        assert not counts, error
    else:
        assert counts
        assert until == (NOW + issued + lasts + apart) * 1_000_000


def test_a_refusal_names_the_claim():
    assert "`exp`" in str(refusal(verify, made(exp="soon")))
    assert "`ref`" in str(refusal(verify, made(), entry(require={"ref": "main"})))
