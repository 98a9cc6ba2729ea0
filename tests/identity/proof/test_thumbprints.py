"""A key has one thumbprint, whatever else is said of it."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.identity.proof.thumbprints import encoded, is_thumbprint, of_certificate, thumbprint
from tests.identity.tokens import public_jwk

# RFC 7638, 3.1.
RFC_7638 = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
# RFC 8037, A.3.
RFC_8037 = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
# RFC 9449, 4.1 and 6.1.
RFC_9449 = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}


@pytest.mark.parametrize(
    ("jwk", "wanted"),
    [
        (RFC_7638, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (RFC_8037, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (RFC_9449, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
    ],
    ids=["RFC 7638", "RFC 8037", "RFC 9449"],
)
def test_the_thumbprints_of_the_standards_come_out(jwk, wanted):
    assert thumbprint(jwk) == wanted


@given(st.dictionaries(st.sampled_from(["kid", "use", "alg", "x5c", "d", "ext"]), st.text(max_size=5)))
def test_what_is_said_of_a_key_does_not_count(more):
    assert thumbprint(RFC_9449 | more) == thumbprint(RFC_9449)


@given(st.permutations(list(RFC_9449)))
def test_the_order_of_members_does_not_count(names):
    assert thumbprint({name: RFC_9449[name] for name in names}) == thumbprint(RFC_9449)


@pytest.mark.parametrize("name", ["crv", "x", "y"])
@pytest.mark.parametrize("value", [None, 7, "", "a b", "é", 'x","y":"', ["x"], "AQAB="])
def test_a_member_that_is_no_plain_text_is_refused(name, value):
    with pytest.raises(ValueError, match="missing, or not written"):
        thumbprint(RFC_9449 | {name: value})


@pytest.mark.parametrize("kind", [None, "oct", "ec", "AKP", 7, [], {}])
def test_a_key_of_another_type_is_refused(kind):
    with pytest.raises(ValueError, match="of this type"):
        thumbprint(RFC_9449 | {"kty": kind})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_thumbprint_is_a_digest_of_what_a_key_is(algorithm):
    jwk = public_jwk(algorithm)
    kept = {name: jwk[name] for name in sorted(jwk) if name not in ("kid", "alg", "use")}

    found = thumbprint(jwk)

    assert found == encoded(hashlib.sha256(json.dumps(kept, separators=(",", ":")).encode()).digest())


@given(st.binary(max_size=100))
def test_the_thumbprint_of_a_certificate_is_written_as_one(der):
    assert is_thumbprint(of_certificate(der))


@given(st.text(alphabet="Aa0-_=+/ \n", min_size=42, max_size=44))
def test_a_digest_is_written_in_one_way(text):
    if is_thumbprint(text):
        assert encoded(base64.urlsafe_b64decode(text + "=")) == text


@pytest.mark.parametrize("value", [None, 7, b"x" * 43, ["x"], "x" * 42, "x" * 44, "A" * 43 + "\n", "A" * 42 + "B"])
def test_what_is_no_digest_is_none(value):
    assert not is_thumbprint(value)
