"""From the text of a token to what it verifiably says: what is taken, and which entry it is looked at by."""

from __future__ import annotations

import itertools
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from identity.entries import (
    DOMAIN,
    ISSUER,
    PROFILES,
    FixedKeys,
    claims,
    code,
    entry,
    header,
    key,
    made,
    refusal,
    verify,
)
from identity.tokens import NOW, private_key, token

from pdp.identity.issuer import UnknownKeyError


@pytest.mark.parametrize("profile", PROFILES)
def test_a_token_of_each_kind_is_taken(profile):
    found = verify(made(profile), entry(profile))

    assert found.claims == claims(profile)
    assert found.header["alg"] == "RS256"
    assert found.key == key("RS256")
    assert found.issuer.options.profile == profile


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_token_is_taken_by_each_algorithm(algorithm):
    assert verify(made(algorithm=algorithm)).key.algorithm == algorithm


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS384", "PS512"])
def test_a_token_is_taken_by_each_longer_digest(algorithm):
    material = private_key(algorithm, "long").public_key()

    found = verify(
        token(claims(), {"kid": "long"}, algorithm, "long"), entry(keys=FixedKeys(key(algorithm, "long", material)))
    )

    assert found.key.algorithm == algorithm


def test_a_token_counts_until_it_ends_on_the_slowest_clock():
    assert verify(made(exp=NOW + 600), leeway=30.0).until == (NOW + 630) * 1_000_000


# The profile for access tokens is the stricter one. What says nothing of itself is told by its audience alone.
MAY_BE = {("access-token", "generic"), ("generic", "id-token")} | {(one, one) for one in PROFILES}


@pytest.mark.parametrize(
    ("one", "other"), [pair for pair in itertools.product(PROFILES, repeat=2) if pair not in MAY_BE]
)
def test_no_token_of_one_kind_is_taken_for_another(one, other):
    issuer = f"spiffe://{DOMAIN}" if other == "jwt-svid" else ISSUER

    found = code(token(claims(one, iss=issuer), header(one)), entry(other))

    assert found in ("wrong_type", "invalid_claims", "invalid_header", "wrong_claim")


def test_the_header_decides_which_entry_of_an_issuer_a_token_is_looked_at_by():
    entries = entry("access-token"), entry("id-token")

    assert verify(made("access-token"), *entries).issuer.options.profile == "access-token"
    assert verify(made("id-token"), *entries).issuer.options.profile == "id-token"


def test_a_token_that_two_entries_could_take_is_taken_by_neither():
    assert code(made("generic"), entry("generic"), entry("id-token")) == "wrong_type"


def test_a_jwt_svid_without_an_issuer_is_that_of_its_trust_domain():
    assert verify(made("jwt-svid"), entry("jwt-svid")).issuer.options.issuer == f"spiffe://{DOMAIN}"


def test_a_jwt_svid_with_an_issuer_is_that_of_the_entry_of_its_issuer():
    taking = entry("jwt-svid", issuer=ISSUER, trust_domain=DOMAIN)

    assert verify(made("jwt-svid", iss=ISSUER), taking).issuer is taking
    assert code(made("jwt-svid"), taking) == "unknown_issuer"


def test_no_other_token_is_without_an_issuer():
    named = entry("generic", issuer=f"spiffe://{DOMAIN}")

    assert code(made("generic", iss=None), named) == "invalid_claims"
    for profile in set(PROFILES) - {"jwt-svid"}:
        workload = made(profile, iss=None, sub=f"spiffe://{DOMAIN}/api")
        assert code(workload, entry(profile, issuer=f"spiffe://{DOMAIN}")) == "wrong_type"


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}/",
        ISSUER[:-1],
        f"{ISSUER}.evil.example",
        ISSUER.upper(),
        f" {ISSUER}",
        ISSUER.replace("https", "http"),
        "https://id.exаmple.com",
    ],
)
def test_an_issuer_is_compared_as_it_is(issuer):
    assert code(made(iss=issuer)) == "unknown_issuer"


@pytest.mark.parametrize("issuer", [[ISSUER], {ISSUER: 1}, 7, True, "", f"{ISSUER}\0"])
def test_an_issuer_is_one_text(issuer):
    assert code(made(iss=issuer)) == "invalid_claims"


def test_a_key_is_one_of_the_issuer_that_the_token_names():
    other = entry(issuer="https://other.example.com", keys=FixedKeys(key("RS256", "other")))
    text = token(claims(), {"kid": "other"}, name="other")

    assert code(text, entry(), other) == "unknown_key"


def test_a_key_that_is_not_known_may_be_on_its_way():
    coming: Future[None] = Future()

    found = refusal(verify, token(claims(), {"kid": "k2"}), entry(keys=FixedKeys(coming=coming)))

    assert isinstance(found, UnknownKeyError)
    assert (found.code, found.coming, found.passing) == ("unknown_key", coming, True)


def test_a_token_without_the_name_of_a_key_is_that_of_the_key_that_its_issuer_has():
    only = FixedKeys(key("RS256", "", private_key("RS256", "k1").public_key()))

    assert verify(token(claims(), {"kid": None}), entry(keys=only)).key.kid == ""


def test_a_wrong_signature_makes_the_keys_suspect():
    keys = FixedKeys(key("RS256", "k1"))

    found = refusal(verify, token(claims(), name="k2", header={"kid": "k1"}), entry(keys=keys))

    assert (found.code, found.passing) == ("wrong_signature", False)
    assert keys.suspected == [key("RS256", "k1")]


def test_a_wrong_signature_may_be_that_of_a_key_on_its_way():
    coming: Future[None] = Future()
    keys = FixedKeys(key("RS256", "k1"), coming=coming)

    found = refusal(verify, token(claims(), name="k2", header={"kid": "k1"}), entry(keys=keys))

    assert isinstance(found, UnknownKeyError)
    assert (found.code, found.coming) == ("wrong_signature", coming)


def test_an_algorithm_that_its_issuer_does_not_use_is_refused():
    assert code(made(algorithm="ES256"), entry(algorithms=("RS256",))) == "wrong_algorithm"


def test_no_key_is_looked_for_before_the_kind_and_the_algorithm_are_right():
    keys = FixedKeys()

    assert code(made("access-token"), entry("id-token", keys=keys)) == "wrong_type"
    assert code(made(algorithm="ES256"), entry(keys=keys, algorithms=("RS256",))) == "wrong_algorithm"


def test_a_token_is_verified_before_its_claims_are_judged():
    text = token(claims(exp=1, aud="somebody"), name="k2", header={"kid": "k1"})

    assert code(text) == "wrong_signature"


def test_threads_that_verify_at_once_do_not_see_each_other():
    texts = {name: made(sub=name, **{f"claim of {name}": name}) for name in map(str, range(64))}

    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(texts, pool.map(verify, texts.values()), strict=True))

    assert all(each.claims == claims(sub=name, **{f"claim of {name}": name}) for name, each in found.items())
