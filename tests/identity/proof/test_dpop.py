"""A token that is bound to a key comes with one proof: of this token, for this request, by that key, made just now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from pdp.errors import TokenError
from pdp.identity.options import ProofOptions
from pdp.identity.proof.proofs import Proofs
from pdp.identity.proof.proving import prove
from pdp.identity.proof.replay import MemoryReplays
from pdp.identity.proof.thumbprints import thumbprint
from pdp.identity.who import Shown
from tests.identity.proof.test_thumbprints import RFC_9449
from tests.identity.tokens import NOW, encode, private_key, public_jwk, signed

MICROS = 1_000_000
TOKEN = "eyJh.eyJz.c2ln"
ATH = "e2-aOPuitBAGWRk62HD7wxJQO0SDIuDnBRUqAoVuNa0"
URL = "https://api.example.org/orders/7"
OPTIONS = ProofOptions(max_age=60.0)
LEEWAY = 30.0


def jwk_of(algorithm: str, name: str = "k1") -> dict[str, Any]:
    return {key: each for key, each in public_jwk(algorithm, name).items() if key not in ("kid", "alg", "use")}


CLAIMS = {"jti": "p-1", "htm": "POST", "htu": URL, "iat": NOW, "ath": ATH}
HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk_of("ES256")}


def without_nothing(given: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in given.items() if value is not ...})


def proof(
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    algorithm: str = "ES256",
    name: str = "k1",
) -> str:
    """Return a proof with other claims or another header; what is `...` is left out."""
    return signed(
        without_nothing(HEADER | dict(header or {})), without_nothing(CLAIMS | dict(claims or {})), algorithm, name
    )


def cnf(algorithm: str = "ES256", name: str = "k1") -> dict[str, Any]:
    return {"cnf": {"jkt": thumbprint(public_jwk(algorithm, name))}}


class Request:
    """What is asked with proofs, and what is remembered of them."""

    def __init__(self) -> None:
        self.replays = MemoryReplays(100)

    def prove(
        self,
        *proofs: str,
        now: float = NOW,
        token: str = TOKEN,
        claims: Mapping[str, Any] | None = None,
        options: ProofOptions = OPTIONS,
        **shown: Any,
    ) -> str | None:
        given = Shown(**{"proofs": proofs, "method": "POST", "url": URL} | shown)
        known = cnf() if claims is None else claims
        return prove(known, token, given, options, int(now * MICROS), self.replays, leeway=LEEWAY)

    def refused(self, *proofs: str, code: str = "wrong_proof", **more: Any) -> str:
        before = len(self.replays)
        with pytest.raises(TokenError) as caught:
            self.prove(*proofs, **more)
        assert caught.value.code == code
        assert len(self.replays) == before
        return str(caught.value)


@pytest.fixture
def request_() -> Request:
    return Request()


# ------------------------------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS256", "PS512"])
def test_a_proof_by_the_key_that_the_token_is_bound_to_is_taken(request_, algorithm):
    given = proof(header={"alg": algorithm, "jwk": jwk_of(algorithm)}, algorithm=algorithm)

    found = request_.prove(given, claims=cnf(algorithm))

    assert found == thumbprint(public_jwk(algorithm))
    assert len(request_.replays) == 1


def test_the_example_of_rfc_9449_is_taken():
    # Section 7.1: its access token is no JWT.
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": RFC_9449}
    claims = {
        "jti": "e1j3V_bKic8-LAEB",
        "htm": "GET",
        "htu": "https://resource.example.org/protectedresource",
        "iat": 1562262618,
        "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
    }
    written = [encode(json.dumps(each, separators=(",", ":")).encode()) for each in (header, claims)]
    signature = "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"

    found = Request().prove(
        ".".join([*written, signature]),
        token=token,
        now=1562262618,
        claims={"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
        method="GET",
        url="https://resource.example.org/protectedresource",
    )

    assert found == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_proof_of_rfc_9449_for_a_token_endpoint_is_of_no_token(request_):
    # Section 4.1: its signature holds, and there is no `ath` in it.
    given = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJq"
        "dGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox"
        "NTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    claims = {"cnf": {"jkt": thumbprint(RFC_9449)}}

    message = request_.refused(given, now=1562262616, claims=claims, url="https://server.example.com/token")

    assert message == "the proof is for another token (`ath`)"


@pytest.mark.parametrize(
    "url",
    [URL, f"{URL}?page=2", f"{URL}#top", "HTTPS://API.example.org:443/orders/%37", f"{URL}?x=https://other/#y"],
)
def test_query_and_fragment_of_a_url_do_not_count(request_, url):
    assert request_.prove(proof(), url=url)
    assert request_.prove(proof({"htu": url, "jti": "p-2"}))


@pytest.mark.parametrize("more", [{"kid": "any"}, {"cty": "x"}, {"jwk": HEADER["jwk"] | {"kid": "x", "ext": True}}])
def test_what_else_a_header_says_does_not_count(request_, more):
    assert request_.prove(proof(header=more))


def test_the_key_of_a_proof_may_say_what_it_is_for(request_):
    more = {"alg": "ES256", "use": "sig", "key_ops": ["verify"]}

    assert request_.prove(proof(header={"jwk": HEADER["jwk"] | more}))


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP521R1()), private_key("EdDSA"), private_key("RS256")])
def test_what_callers_make_is_taken(request_, key):
    proofs = Proofs(key, now=lambda: NOW)

    given = proofs.make("POST", f"{URL}?page=2#top", TOKEN, nonce="n-1")

    assert request_.prove(given, claims={"cnf": {"jkt": proofs.thumbprint}}, nonce="n-1") == proofs.thumbprint
    assert proofs.make("POST", URL, TOKEN) != proofs.make("POST", URL, TOKEN)


# ---------------------------------------------------------------------------------------------------- what is refused


def test_a_bound_token_without_a_proof_is_refused(request_):
    message = request_.refused(code="proof_missing")

    assert message == "the token is bound to a key, and no proof is shown with it"


def test_a_proof_that_was_used_is_refused(request_):
    request_.prove(proof())

    assert request_.refused(proof(), code="proof_replayed") == "the proof was used before"
    assert request_.refused(proof({"htm": "GET"}), method="GET", code="proof_replayed") == "the proof was used before"
    assert request_.prove(proof({"jti": "p-2"}))


@pytest.mark.parametrize("at", [NOW - 30, NOW, NOW + 59, NOW + 89.999999])
def test_a_proof_that_was_used_is_refused_for_as_long_as_it_counts(request_, at):
    request_.prove(proof())

    assert request_.refused(proof(), now=at, code="proof_replayed")


def test_a_proof_that_was_used_is_refused_when_it_was_forgotten(request_):
    request_.prove(proof())
    request_.prove(proof({"jti": "p-2", "iat": NOW + 100}), now=NOW + 100)
    assert len(request_.replays) == 1

    assert request_.refused(proof(), now=NOW + 100) == "the proof is too old (`iat`)"
    assert request_.refused(proof(), now=NOW + 1, code="proof_replayed")


def test_two_proofs_are_refused(request_):
    given = proof(), proof({"jti": "p-2"})

    assert request_.refused(*given) == "more than one proof is shown with the token"
    assert request_.refused(given[0], given[0]) == "more than one proof is shown with the token"
    assert request_.refused(", ".join(given)).startswith("the proof is no signed token")


def test_a_proof_by_another_key_is_refused(request_):
    other = {"jwk": jwk_of("ES256", "k2")}

    message = request_.refused(proof(header=other, name="k2"))

    assert message == "the proof is by another key than the token is bound to"


def test_a_proof_that_shows_the_key_and_is_signed_by_another_is_refused(request_):
    message = request_.refused(proof(name="k2"))

    assert message == "the signature of the proof is not by the key that it shows"


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_proof_that_shows_a_private_key_is_refused(request_, name):
    message = request_.refused(proof(header={"jwk": HEADER["jwk"] | {name: "AQAB"}}))

    assert message == "the key that the proof shows is not taken: it is not a public one"


@pytest.mark.parametrize(
    "more", [{"use": "enc"}, {"alg": "ES384"}, {"key_ops": []}, {"key_ops": ["sign"]}, {"key_ops": "verify"}]
)
def test_a_proof_by_a_key_for_another_use_is_refused(request_, more):
    message = request_.refused(proof(header={"jwk": HEADER["jwk"] | more}))

    assert message.startswith("the key that the proof shows is not taken: it")


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "hs256", "es256", "ES256K", "RSA-OAEP", "", 256, None, ..., []]
)
def test_a_proof_of_another_algorithm_is_refused(request_, algorithm):
    message = request_.refused(proof(header={"alg": algorithm}))

    assert message == "the algorithm of the proof is none that is taken"


def test_a_proof_without_a_signature_is_refused(request_):
    text = proof()

    assert request_.refused(text[: text.rindex(".") + 1])
    assert request_.refused(text[: text.rindex(".")])


def test_a_proof_keyed_by_the_text_of_its_public_key_is_refused(request_):
    jwk = {"kty": "oct", "k": encode(json.dumps(HEADER["jwk"]).encode())}
    given = jwt.encode(CLAIMS, json.dumps(HEADER["jwk"]) * 2, "HS256", headers={"typ": "dpop+jwt", "jwk": jwk})

    assert request_.refused(given) == "the algorithm of the proof is none that is taken"


@pytest.mark.parametrize("algorithm", ["ES384", "ES512", "EdDSA", "RS256", "PS256"])
def test_an_algorithm_that_does_not_fit_the_key_is_refused(request_, algorithm):
    assert request_.refused(proof(header={"alg": algorithm}, algorithm=algorithm))


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", "dpop+jwt ", "", None, 7, ...])
def test_a_proof_of_another_type_is_refused(request_, kind):
    assert request_.refused(proof(header={"typ": kind})) == "the proof is not of type `dpop+jwt`"


@pytest.mark.parametrize("name", ["crit", "b64", "jku", "x5u", "x5c", "zip", "enc"])
def test_a_header_that_says_what_no_proof_may_is_refused(request_, name):
    message = request_.refused(proof(header={name: ["exp"]}))

    assert message == "the header of the proof says what no proof may"


@pytest.mark.parametrize(
    "jwk",
    [
        ...,
        None,
        "a",
        [],
        [HEADER["jwk"]],
        {},
        {"kty": "oct", "k": "AQAB"},
        {"kty": ["EC"]},
        HEADER["jwk"] | {"x": 7},
        HEADER["jwk"] | {"y": ""},
    ],
)
def test_a_proof_that_shows_no_key_is_refused(request_, jwk):
    assert request_.refused(proof(header={"jwk": jwk})).startswith("the proof shows no key")


POINT = jwk_of("ES256")
NUMBERS = jwk_of("RS256")


@pytest.mark.parametrize(
    ("algorithm", "jwk"),
    [
        ("ES256", POINT | {"y": POINT["x"]}),
        ("ES256", POINT | {"x": encode(b"\0" + b"\1" * 31)}),
        ("ES256", POINT | {"x": POINT["x"][:-2]}),
        ("ES256", POINT | {"crv": "P-384"}),
        ("ES256", POINT | {"crv": "secp256k1"}),
        ("ES384", POINT),
        ("ES256", NUMBERS),
        ("EdDSA", {"kty": "OKP", "crv": "X25519", "x": jwk_of("EdDSA")["x"]}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": encode(b"x" * 31)}),
        ("RS256", NUMBERS | {"e": "AQ"}),
        ("RS256", NUMBERS | {"e": "Ag"}),
        ("RS256", NUMBERS | {"e": encode(b"\xff" * 6)}),
        ("RS256", NUMBERS | {"n": encode(b"\xff" * 128)}),
        ("RS256", NUMBERS | {"n": encode(b"\xff" * 1025)}),
        ("RS256", NUMBERS | {"n": NUMBERS["n"][:-1] + "x"}),
    ],
)
def test_a_key_that_is_none_is_refused_though_the_token_is_bound_to_it(request_, algorithm, jwk):
    given = proof(header={"alg": algorithm, "jwk": jwk}, algorithm=algorithm)

    message = request_.refused(given, claims={"cnf": {"jkt": thumbprint(jwk)}})

    assert message.startswith("the key that the proof shows is not taken: it")


def test_a_short_key_is_refused(request_):
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    jwk = {"kty": "RSA", "n": encode(key.public_key().public_numbers().n.to_bytes(128)), "e": "AQAB"}
    written = [encode(json.dumps(each).encode()) for each in (HEADER | {"alg": "RS256", "jwk": jwk}, CLAIMS)]
    signature = key.sign(".".join(written).encode(), padding.PKCS1v15(), hashes.SHA256())

    message = request_.refused(".".join([*written, encode(signature)]), claims={"cnf": {"jkt": thumbprint(jwk)}})

    assert (
        message == "the key that the proof shows is not taken: it is of RSA with 1024 bits, and not with 2048 to 8192"
    )


@pytest.mark.parametrize("method", ["GET", "post", "POST ", "", None, 7, ..., ["POST"]])
def test_a_proof_for_another_method_is_refused(request_, method):
    assert request_.refused(proof({"htm": method})) == "the proof is for another method (`htm`)"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/orders",
        "https://api.example.org/orders/7/",
        "https://api.example.org/orders/8",
        "https://api.example.org/Orders/7",
        "https://api.example.org/x/../orders/7",
        "https://api.example.org.evil.example/orders/7",
        "https://me@api.example.org/orders/7",
        "https://api.example.org:8443/orders/7",
        "http://api.example.org/orders/7",
        "https://evil.example/?https://api.example.org/orders/7",
        "/orders/7",
        "",
        None,
        7,
        ...,
        [URL],
    ],
)
def test_a_proof_for_another_url_is_refused(request_, url):
    assert request_.refused(proof({"htu": url})) == "the proof is for another URL (`htu`)"


def test_a_request_whose_url_can_be_read_in_two_ways_is_refused(request_):
    url = "https://api.example.org/x/../orders/7"

    message = request_.refused(proof({"htu": url}), url=url)

    assert message == "the URL of the request can be read in more than one way"


@pytest.mark.parametrize("shown", [{"method": ""}, {"url": ""}, {"method": "", "url": ""}])
def test_a_proof_for_a_request_that_is_not_known_is_refused(request_, shown):
    message = request_.refused(proof({"htm": shown.get("method", "POST"), "htu": shown.get("url", URL)}), **shown)

    assert message == "it is not known which request the proof would have to be for"


@pytest.mark.parametrize("ath", ["", ATH[:-1], ATH + "=", ATH.lower(), None, 7, ..., [ATH]])
def test_a_proof_of_another_token_is_refused(request_, ath):
    assert request_.refused(proof({"ath": ath})) == "the proof is for another token (`ath`)"


def test_a_proof_does_not_go_with_another_token_of_the_same_key(request_):
    assert request_.refused(proof(), token=f"{TOKEN}A") == "the proof is for another token (`ath`)"


@pytest.mark.parametrize(
    ("issued", "message"),
    [
        (NOW - 90, "the proof is too old (`iat`)"),
        (NOW - 10**6, "the proof is too old (`iat`)"),
        (0, "the proof is too old (`iat`)"),
        (NOW + 31, "the proof was made in the future (`iat`)"),
        (NOW + 10**9, "the proof was made in the future (`iat`)"),
    ],
)
def test_a_proof_of_another_time_is_refused(request_, issued, message):
    assert request_.refused(proof({"iat": issued})) == message


def test_a_proof_counts_from_when_it_was_made_until_it_is_too_old(request_):
    assert request_.prove(proof({"iat": NOW - 89, "jti": "p-2"}))
    assert request_.prove(proof({"iat": NOW + 30, "jti": "p-3"}))


@pytest.mark.parametrize("issued", [..., None, True, str(NOW), float(NOW), NOW + 0.5, -1, 10**12, [NOW]])
def test_a_time_that_is_no_whole_number_of_seconds_is_refused(request_, issued):
    message = request_.refused(proof({"iat": issued}))

    assert message == "`iat` of the proof is missing, or is no whole number of seconds since 1970"


@pytest.mark.parametrize("times", [{"exp": NOW - 30}, {"exp": 0}, {"exp": "x"}, {"nbf": NOW + 31}, {"nbf": None}])
def test_a_time_that_a_proof_sets_itself_counts(request_, times):
    assert request_.refused(proof(times))


def test_a_proof_that_ends_sooner_is_remembered_no_longer(request_):
    request_.prove(proof({"exp": NOW + 1}))
    assert len(request_.replays) == 1

    request_.prove(proof({"jti": "p-2", "iat": NOW + 32}), now=NOW + 32)

    assert len(request_.replays) == 1


@pytest.mark.parametrize("jti", [..., None, "", 7, True, "x" * 257, "x" * 7000, "a\0b", "a\nb", ["p-1"]])
def test_a_name_that_is_none_is_refused(request_, jti):
    message = request_.refused(proof({"jti": jti}))

    assert message in (
        "`jti` of the proof is missing, or is no text of at most 256 characters",
        "the proof is no signed token in compact form, or is not read by everybody alike",
    )


@pytest.mark.parametrize("nonce", [..., None, "", "n-2", 1, ["n-1"], "N-1"])
def test_a_proof_that_does_not_repeat_the_nonce_is_refused(request_, nonce):
    message = request_.refused(proof({"nonce": nonce}), nonce="n-1", code="wrong_nonce")

    assert message == "the proof does not repeat the nonce that it has to (`nonce`)"


def test_a_nonce_that_nobody_asked_for_does_not_count(request_):
    assert request_.prove(proof({"nonce": "n-1"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b",
        "a.b.c.d.e",
        "{}",
        f"{proof()} ",
        f"{proof()}\n",
        f"{proof()}=",
        proof().replace(".", ".."),
        "é.é.é",
        f"{proof()}{'A' * 8192}",
        signed('{"typ":"dpop+jwt","typ":"dpop+jwt"}', json.dumps(CLAIMS), "ES256"),
        signed(json.dumps(HEADER), '{"jti":"p-1","jti":"p-2"}', "ES256"),
        signed(json.dumps(HEADER).encode("utf-16"), json.dumps(CLAIMS), "ES256"),
        signed(json.dumps(HEADER), "[]", "ES256"),
        signed(json.dumps(HEADER), '{"a":' * 5000, "ES256"),
    ],
    ids=lambda _: "text",
)
def test_what_is_no_signed_token_is_refused(request_, text):
    message = request_.refused(text)

    assert message == "the proof is no signed token in compact form, or is not read by everybody alike"


# -------------------------------------------------------------------------------------------------------- properties

GOOD = proof()
LETTERS = st.sampled_from("ABCabc019-_.=+/ \n")


@given(st.integers(0, len(GOOD) - 1), LETTERS, st.sampled_from(["change", "insert", "remove"]))
@example(len(GOOD) - 1, "A", "insert")
def test_any_change_of_a_proof_is_refused(place, letter, how):
    rest = GOOD[place + (how != "insert") :]
    changed = GOOD[:place] + ("" if how == "remove" else letter) + rest
    request = Request()

    if changed == GOOD:
        assert request.prove(changed)
    else:
        request.refused(changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["typ", "alg", "jwk", "crit", "jti", "htm", "htu", "iat", "ath", "exp", "nbf"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=3))
def test_junk_in_a_proof_is_refused_and_raises_nothing_else(junk):
    request = Request()

    try:
        request.prove(proof(junk, junk))
    except TokenError as error:
        assert error.code == "wrong_proof"


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e"]), JSON | st.text("AQab_-", max_size=6)))
def test_junk_for_a_key_is_refused_and_raises_nothing_else(junk):
    jwk = HEADER["jwk"] | junk
    try:
        bound = thumbprint(jwk)
    except ValueError:
        bound = thumbprint(HEADER["jwk"])
    request = Request()

    try:
        request.prove(proof(header={"jwk": jwk}), claims={"cnf": {"jkt": bound}})
    except TokenError as error:
        assert error.code == "wrong_proof"
    else:
        assert {name: jwk.get(name) for name in HEADER["jwk"]} == HEADER["jwk"]


@given(st.text("abcXYZ0189-_", min_size=8, max_size=40), st.sampled_from(["jti", "htm", "htu", "ath", "nonce", "iat"]))
def test_no_message_shows_what_a_proof_says(value, name):
    request = Request()

    for each in (proof({name: value}), proof(header={"kid": value, "alg": value})):
        try:
            request.prove(each, nonce="n-1")
        except TokenError as error:
            assert value not in str(error)
