"""What has been tried on verifiers of tokens, signed by a key of the issuer wherever it can be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.entries import AUDIENCE, EASY, ISSUER, FixedKeys, claims, code, entry, made, refusal, verify
from identity.tokens import NOW, encode, private_key, signed, token

from pdp.errors import TokenError
from pdp.identity.issuer import Key
from pdp.identity.refusals import REFUSALS

CLAIMS = json.dumps(claims())
HEADER = '{"alg":"RS256","kid":"k1"}'


def headed(**more: Any) -> str:
    return token(claims(), more)


def written(old: str, new: str) -> str:
    """Return a token one piece of whose claims is written otherwise."""
    assert old in CLAIMS
    return signed(HEADER, CLAIMS.replace(old, new, 1))


def unsigned(header: str, signature: str = "") -> str:
    return f"{encode(header.encode())}.{encode(CLAIMS.encode())}.{signature}"


def with_padding() -> str:
    texts = made(algorithm="ES256").split(".")
    return ".".join(text + "=" * (-len(text) % 4) for text in texts)


def serialized() -> str:
    header, payload, signature = made().split(".")
    return json.dumps({"protected": header, "payload": payload, "signature": signature})


ATTACKS: dict[str, tuple[Callable[[], Any], str]] = {
    "alg none": (lambda: unsigned('{"alg":"none"}'), "wrong_algorithm"),
    "alg None": (lambda: unsigned('{"alg":"None"}'), "wrong_algorithm"),
    "alg noNE": (lambda: unsigned('{"alg":"noNE","kid":"k1"}'), "wrong_algorithm"),
    "alg none with a signature": (lambda: unsigned('{"alg":"none","kid":"k1"}', "c2ln"), "wrong_algorithm"),
    "no signature": (lambda: made().rpartition(".")[0] + ".", "wrong_signature"),
    "no signature and no dot": (lambda: made().rpartition(".")[0], "malformed_token"),
    "alg twice": (lambda: signed('{"alg":"none","alg":"RS256","kid":"k1"}', CLAIMS), "invalid_header"),
    "sub twice": (lambda: written('"sub": "ada"', '"sub": "ada", "sub": "root"'), "invalid_claims"),
    "aud twice": (lambda: written('"aud":', '"aud": "other", "aud":'), "invalid_claims"),
    "exp twice": (lambda: written('"exp":', '"exp": 1, "exp":'), "invalid_claims"),
    "iss twice": (lambda: written('"iss":', '"iss": "x", "iss":'), "invalid_claims"),
    "header in utf-16": (lambda: signed(HEADER.encode("utf-16"), CLAIMS), "invalid_header"),
    "claims in utf-16": (lambda: signed(HEADER, CLAIMS.encode("utf-16")), "malformed_token"),
    "claims after a mark of order": (lambda: signed(HEADER, b"\xef\xbb\xbf" + CLAIMS.encode()), "malformed_token"),
    "crit that nobody knows": (lambda: headed(crit=["x"], x=1), "invalid_header"),
    "crit that is empty": (lambda: headed(crit=[]), "invalid_header"),
    "crit b64": (lambda: headed(crit=["b64"], b64=False), "invalid_header"),
    "b64 false": (lambda: headed(b64=False), "invalid_header"),
    "kid of a number": (lambda: headed(kid=1), "invalid_header"),
    "kid of two kilobytes": (lambda: headed(kid="k" * 2048), "invalid_header"),
    "kid of ten kilobytes": (lambda: headed(kid="k" * 10_000), "token_too_large"),
    "kid of a path": (lambda: headed(kid="../../../../dev/null"), "unknown_key"),
    "kid of a question to a database": (lambda: headed(kid="k1' UNION SELECT 'secret"), "unknown_key"),
    "kid with a NUL": (lambda: headed(kid="k1\0"), "invalid_header"),
    "jku": (lambda: headed(jku="https://evil.example/keys"), "invalid_header"),
    "x5u": (lambda: headed(x5u="http://169.254.169.254/"), "invalid_header"),
    "x5c": (lambda: headed(x5c=["MIIB"]), "invalid_header"),
    "jwk": (lambda: headed(jwk={"kty": "RSA", "n": "AQ", "e": "AQAB"}), "invalid_header"),
    "zip": (lambda: headed(zip="DEF"), "invalid_header"),
    "a security event": (lambda: headed(typ="secevent+jwt"), "wrong_type"),
    "a logout token": (lambda: headed(typ="logout+jwt"), "wrong_type"),
    "a status list": (lambda: headed(typ="statuslist+jwt"), "wrong_type"),
    "a proof": (lambda: headed(typ="dpop+jwt"), "wrong_type"),
    "a WIT": (lambda: headed(typ="wit+jwt"), "wrong_type"),
    "an event without its type": (lambda: made(events={"x": {}}), "wrong_type"),
    "an ID token": (lambda: made("id-token"), "wrong_type"),
    "exp missing": (lambda: made(exp=None), "invalid_claims"),
    "exp of a text": (lambda: made(exp=str(NOW + 600)), "invalid_claims"),
    "exp of a truth value": (lambda: made(exp=True), "invalid_claims"),
    "exp of a list": (lambda: made(exp=[NOW + 600]), "invalid_claims"),
    "exp with a fraction": (lambda: made(exp=NOW + 600.5), "invalid_claims"),
    "exp NaN": (lambda: made(exp=float("nan")), "malformed_token"),
    "exp Infinity": (lambda: made(exp=float("inf")), "malformed_token"),
    "exp 1e400": (lambda: written(str(NOW + 600), "1e400"), "malformed_token"),
    "exp 1e10": (lambda: written(str(NOW + 600), "1e10"), "invalid_claims"),
    "exp of 4000 digits": (lambda: written(str(NOW + 600), "9" * 4000), "malformed_token"),
    "exp in a hundred years": (lambda: made(exp=NOW + 100 * 31_536_000), "token_lives_too_long"),
    "exp after the year 9999": (lambda: made(exp=253_402_300_800), "invalid_claims"),
    "nbf in the future": (lambda: made(nbf=NOW + 61), "token_not_yet_valid"),
    "iat in the future": (lambda: made(iat=NOW + 61), "token_not_yet_valid"),
    "iat missing": (lambda: made(iat=None), "invalid_claims"),
    "aud missing": (lambda: made(aud=None), "invalid_claims"),
    "aud in an object": (lambda: made(aud={AUDIENCE: True}), "invalid_claims"),
    "aud that begins alike": (lambda: made(aud=f"{AUDIENCE}.evil.example"), "wrong_audience"),
    "aud that is a piece": (lambda: made(aud="pdp"), "wrong_audience"),
    "aud of letters": (lambda: made(aud=list(AUDIENCE)), "wrong_audience"),
    "iss in a list": (lambda: made(iss=[ISSUER]), "invalid_claims"),
    "iss that is a piece": (lambda: made(iss="https://id"), "unknown_issuer"),
    "iss with a slash": (lambda: made(iss=f"{ISSUER}/"), "unknown_issuer"),
    "iss missing": (lambda: made(iss=None), "invalid_claims"),
    "sub with a NUL": (lambda: made(sub="ada\0@evil"), "invalid_claims"),
    "sub missing": (lambda: made(sub=None), "invalid_claims"),
    "sub of a number": (lambda: made(sub=1), "invalid_claims"),
    "jti of a list": (lambda: made(jti=["t"]), "invalid_claims"),
    "2900 lists in one another": (lambda: signed(HEADER, '{"a":' + "[" * 2900 + "]" * 2900 + "}"), "malformed_token"),
    "half a pair": (lambda: written('"ada"', '"\\ud800"'), "malformed_token"),
    "a megabyte": (lambda: made(x="a" * 1_000_000), "token_too_large"),
    "padding": (with_padding, "malformed_token"),
    "== at the end": (lambda: made() + "==", "malformed_token"),
    "a line at the end": (lambda: made() + "\n", "malformed_token"),
    "a space at the end": (lambda: made() + " ", "malformed_token"),
    "a scheme before it": (lambda: "Bearer " + made(), "malformed_token"),
    "five parts": (lambda: made() + ".a.b", "encrypted_token"),
    "JSON serialization": (serialized, "malformed_token"),
    "bytes": (lambda: made().encode(), "malformed_token"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_tried_is_refused(name):
    make, wanted = ATTACKS[name]

    assert code(make()) == wanted


def test_depth_is_looked_at_even_where_tokens_may_be_large():
    text = signed(HEADER, '{"a":' + "[" * 50_000 + "]" * 50_000 + "}")

    assert code(text, largest=1_000_000) == "malformed_token"


def test_es256_is_not_signed_by_a_key_on_another_curve():
    keys = FixedKeys(Key(kid="k1", algorithm="ES256", material=private_key("ES384", "k1").public_key()))

    assert code(token(claims(), {"alg": "ES256"}, "ES384"), entry(keys=keys)) == "wrong_algorithm"


def test_two_tokens_that_differ_by_a_byte_are_not_both_taken():
    texts = {algorithm: made(algorithm=algorithm) for algorithm in EASY}
    assert all(verify(text) for text in texts.values())

    for text in texts.values():
        for place in range(0, len(text), 7):
            changed = "A" if text[place] != "A" else "B"
            assert refusal(verify, text[:place] + changed + text[place + 1 :])


BYTES = st.characters(max_codepoint=0x17F) | st.sampled_from("ABab01-_.=\n ")


@given(st.sampled_from(EASY), st.data())
def test_a_token_with_one_byte_changed_is_another_or_none(algorithm, data):
    text = made(algorithm=algorithm)
    place = data.draw(st.integers(0, len(text)))
    new = data.draw(BYTES | st.just(""))
    removed = data.draw(st.integers(0, 1))

    changed = text[:place] + new + text[place + removed :]

    if changed == text:
        assert verify(changed)
    else:
        assert refusal(verify, changed).code in REFUSALS


@given(st.sampled_from(EASY), st.sampled_from(EASY), st.integers(0, 2))
def test_parts_of_two_tokens_make_none(one, other, place):
    text = made(algorithm=one, sub="ada")
    texts, others = text.split("."), made(algorithm=other, sub="eve").split(".")
    texts[place] = others[place]

    if (one, place) == (other, 0):
        assert ".".join(texts) == text
    else:
        assert refusal(verify, ".".join(texts))


MARK = "Zq9xKw7Vt3"
JSON = st.recursive(
    st.sampled_from([MARK, MARK * 300, f"{MARK}\0", 7, 1e300, True, None, f"spiffe://{MARK.lower()}/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([MARK, "name"]), inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*claims("github-actions"), *claims("kubernetes"), "events", "act", "cnf", "amr", "typ", "nonce", MARK]
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jku", "x", MARK]), JSON, max_size=2)


@given(st.sampled_from(["generic", "github-actions", "kubernetes", "id-token"]), st.dictionaries(NAMES, JSON), HEADERS)
def test_a_refusal_says_nothing_of_what_the_token_says(profile, claimed, header):
    text = token(claims(profile) | claimed, header)

    try:
        verify(text, entry(profile, require={"ref": ["main"]} if len(claimed) % 2 else {}))
    except TokenError as error:
        said = f"{error} {error.args!r} {error!r}".lower()
        assert MARK.lower() not in said
        assert not any(part[:12].lower() in said for part in text.split("."))
        assert error.code in REFUSALS
        assert error.__cause__ is None


@given(st.text(max_size=200).map(lambda text: MARK + text))
def test_a_refusal_of_what_is_no_token_says_nothing_of_it(text):
    assert MARK not in str(refusal(verify, text))


def test_what_is_refused_takes_no_longer_than_what_is_taken():
    worst = {name: make() for name, (make, _) in ATTACKS.items()}
    worst["brackets"] = signed(HEADER, "[" * 5500)
    worst["texts without an end"] = signed(HEADER, "[" * 20 + '"\\' * 2700)
    worst["many names"] = signed(HEADER, "{" + ",".join(f'"{n}":1' for n in range(600)) + "}")

    for name, text in worst.items():
        began = time.thread_time()
        refusal(verify, text)
        assert time.thread_time() - began < 0.1, name


# Every code that a token alone can get. Others are about what is shown with it, whom it names, and who is asked of it.
ALONE = {"malformed_token", "token_too_large", "encrypted_token", "invalid_header", "invalid_claims", "wrong_type"}
ALONE |= {"unknown_issuer", "wrong_audience", "wrong_algorithm", "unknown_key", "wrong_signature", "wrong_claim"}
ALONE |= {"token_expired", "token_not_yet_valid", "token_lives_too_long"}


def test_every_code_that_a_token_alone_can_get_is_given_here():
    given_here = {wanted for _, wanted in ATTACKS.values()}
    given_here |= {code(made(), now=NOW + 3600), code(made(), entry(require={"x": 1}))}

    assert given_here == ALONE <= REFUSALS.keys()


def test_every_refusal_has_a_message_for_people():
    for make, _ in ATTACKS.values():
        message = str(refusal(verify, make()))
        assert 15 < len(message) < 120
        assert message[0].islower() or message[0] == "`"
        assert not message.endswith(".")
