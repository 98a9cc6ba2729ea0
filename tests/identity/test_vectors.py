"""Signed texts that the RFCs print. Not all are tokens: what is verified is the signature and the form."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from identity.entries import refusal
from identity.jwks import decode, material
from identity.tokens import encode

from pdp.errors import TokenError
from pdp.identity import parts, signature
from pdp.identity.issuer import Key

CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
FRODO = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9h"
    "ZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3"
    "ZXB0IG9mZiB0by4"
)
BAGGINS = {
    "kty": "RSA",
    "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2"
    "wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJ"
    "lsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQk"
    "qgc5gHdrNP5zw",
    "e": "AQAB",
}


class Vector(NamedTuple):
    algorithm: str
    jwk: dict[str, str]
    header: str
    payload: str
    signature: str

    @property
    def text(self) -> str:
        return f"{self.header}.{self.payload}.{self.signature}"

    @property
    def key(self) -> Key:
        return Key(kid="", algorithm=self.algorithm, material=material(self.jwk))


VECTORS = {
    "RFC 7515 A.2": Vector(
        "RS256",
        {
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT"
            "-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTB"
            "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2"
            "PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
        },
        "eyJhbGciOiJSUzI1NiJ9",
        CLAIMS,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d"
        "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig"
        "cN_IoypGlUPQGe77Rw",
    ),
    "RFC 7515 A.3": Vector(
        "ES256",
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        "eyJhbGciOiJFUzI1NiJ9",
        CLAIMS,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    ),
    "RFC 8037 A.4": Vector(
        "EdDSA",
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "eyJhbGciOiJFZERTQSJ9",
        "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    ),
    "RFC 7520 4.1": Vector(
        "RS256",
        BAGGINS,
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        FRODO,
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDk"
        "oBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpE"
        "RV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree"
        "7vjbU5y18kDquDg",
    ),
    "RFC 7520 4.2": Vector(
        "PS384",
        BAGGINS,
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        FRODO,
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLP"
        "pcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2"
        "lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4i"
        "fKo8DYM-X72Eaw",
    ),
    "RFC 7520 4.3": Vector(
        "ES512",
        {
            "kty": "EC",
            "crv": "P-521",
            "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
        },
        "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        FRODO,
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAM"
        "DxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    ),
}


def hold(text: str, key: Key) -> None:
    """Verify something signed as a token is verified, but for what it claims."""
    found = parts.apart(text, 8192)
    parts.hold_header(found.header)
    signature.verify(found, key)


@pytest.mark.parametrize("name", VECTORS)
def test_what_an_rfc_signed_is_verified(name):
    vector = VECTORS[name]

    hold(vector.text, vector.key)

    assert json.loads(decode(vector.header))["alg"] == vector.algorithm


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("other", VECTORS)
def test_no_key_of_an_rfc_verifies_what_another_signed(name, other):
    if name != other:
        assert refusal(hold, VECTORS[name].text, VECTORS[other].key)


@pytest.mark.parametrize("name", VECTORS)
def test_no_bit_of_what_an_rfc_signed_is_another(name):
    vector = VECTORS[name]
    signed = decode(vector.signature)

    for place in range(0, len(signed), 5):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        assert refusal(hold, f"{vector.header}.{vector.payload}.{encode(changed)}", vector.key)
    assert refusal(hold, f"{vector.header}.{encode(decode(vector.payload) + b' ')}.{vector.signature}", vector.key)


def test_the_claims_of_an_rfc_are_read():
    found = parts.read(VECTORS["RFC 7515 A.3"].text, 8192)

    assert found.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_what_an_rfc_signed_that_makes_no_claims_is_no_token():
    with pytest.raises(TokenError, match="the claims of the token cannot be read"):
        parts.read(VECTORS["RFC 7520 4.1"].text, 8192)


def test_the_unsecured_token_of_an_rfc_is_refused():
    assert refusal(parts.read, f"eyJhbGciOiJub25lIn0.{CLAIMS}.", 8192).code == "wrong_algorithm"


def test_the_token_of_an_rfc_that_is_signed_by_a_secret_is_refused():
    text = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert refusal(parts.read, text, 8192).code == "wrong_algorithm"
