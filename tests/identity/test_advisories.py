"""Holes that PyJWT had, by the number of their advisory: what came through is refused, whatever PyJWT does."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448, x25519
from identity.entries import ISSUER, FixedKeys, claims, code, entry, made, verify
from identity.tokens import encode, private_key, public_jwk, signed, token

from pdp.identity import parts, signature
from pdp.identity.issuer import Key

PUBLIC = private_key("RS256", "k1").public_key()
PEM = PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
DER = PUBLIC.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def authenticated(secret: bytes, algorithm: str = "HS256") -> str:
    """Return a token that is authenticated by a secret."""
    text = f"{encode(json.dumps({'alg': algorithm, 'kid': 'k1'}).encode())}.{encode(json.dumps(claims()).encode())}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def taken_with(secret: object) -> str:
    """Return the code of the refusal where a store of keys, and a configuration, let a secret be a key."""
    keys = FixedKeys(Key(kid="k1", algorithm="HS256", material=secret))
    return code(authenticated(secret if isinstance(secret, bytes) else b""), entry(keys=keys, algorithms=("HS256",)))


def test_cve_2022_29217_a_public_key_is_no_secret():
    ssh = PUBLIC.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)

    assert taken_with(PEM) == "wrong_algorithm"
    assert taken_with(ssh) == "wrong_algorithm"


@pytest.mark.parametrize("issuer", [ISSUER[:8], ISSUER[1:], "", list(ISSUER), "h"])
def test_cve_2024_53861_a_piece_of_an_issuer_is_none(issuer):
    assert code(made(iss=issuer)) in ("unknown_issuer", "invalid_claims")


@pytest.mark.parametrize("crit", [["unknown"], ["b64"], ["exp"], [], "b64", None, [7]])
def test_cve_2026_32597_what_is_critical_is_not_passed_over(crit):
    assert code(signed(json.dumps({"alg": "RS256", "kid": "k1", "crit": crit}), json.dumps(claims()))) == (
        "invalid_header"
    )


def test_cve_2026_48526_a_jwk_is_no_secret():
    for jwk in (public_jwk("RS256"), {"keys": [public_jwk("RS256")]}):
        assert taken_with(json.dumps(jwk).encode()) == "wrong_algorithm"


def test_cve_2026_48523_the_algorithm_of_a_key_does_not_widen_those_that_are_taken():
    assert code(made(algorithm="ES256"), entry(algorithms=("RS256",))) == "wrong_algorithm"
    assert code(made(algorithm="EdDSA"), entry("jwt-svid", issuer=ISSUER, trust_domain="example.org")) in (
        "wrong_algorithm"
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://evil.example/keys", "https://evil.example/keys"])
def test_ghsa_993g_no_token_says_where_its_keys_are(url):
    for name in ("jku", "x5u"):
        assert code(token(claims(), {name: url})) == "invalid_header"


def test_ghsa_w7vc_what_is_not_encoded_is_not_read():
    payload = "x" * 8000

    assert code(token(claims(), {"b64": False, "crit": ["b64"]})) == "invalid_header"
    assert code(f"{encode(json.dumps({'alg': 'RS256', 'b64': False}).encode())}..{payload}") == "invalid_header"


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem.rstrip(),
        lambda pem: pem.lstrip(b"-"),
        lambda pem: b"\n" + pem,
        lambda pem: pem.replace(b"-----", b"---- ", 1),
        lambda pem: pem.replace(b"PUBLIC", b"public"),
        lambda pem: pem.replace(b"\n", b""),
        lambda pem: pem[:-3],
    ],
)
def test_cve_2026_102268_a_public_key_written_otherwise_is_no_secret(change):
    assert taken_with(change(PEM)) == "wrong_algorithm"


def test_cve_2026_102271_a_public_key_in_der_is_no_secret():
    assert taken_with(DER) == "wrong_algorithm"


@pytest.mark.parametrize("secret", ["text", bytearray(b"secret"), memoryview(b"secret"), [b"secret"], PUBLIC])
def test_cve_2026_102272_nothing_is_a_secret(secret):
    assert taken_with(secret) == "wrong_algorithm"
    assert signature.problem("HS256", secret) is not None


@pytest.mark.parametrize("secret", [b"", "", None])
def test_cve_2026_102266_no_secret_is_no_secret(secret):
    assert taken_with(secret) == "wrong_algorithm"


@pytest.mark.parametrize("suffix", ["=", "==", "===", "%3D", " ", "\t", "\n", "\r\n", "\0", "\x0b", "\u2028"])
def test_cve_2026_102269_a_token_is_written_in_one_way(suffix):
    assert verify(made())
    assert code(made() + suffix) == "malformed_token"


def test_cve_2026_102269_the_last_letter_of_a_token_is_the_only_one():
    text = made(algorithm="ES256")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for letter in letters.replace(text[-1], ""):
        # Four bits of the last letter say nothing: fifteen other letters would be the same bytes.
        assert code(text[:-1] + letter) in ("malformed_token", "wrong_signature")


@pytest.mark.parametrize("deep", ["[", '{"a":', '[{"a":'])
def test_cve_2026_101918_depth_is_no_way_to_end_a_process(deep):
    began = time.thread_time()

    assert code(signed('{"alg":"RS256","kid":"k1"}', deep * 100_000), largest=2_000_000) == "malformed_token"
    assert code(signed(deep * 100_000, "{}"), largest=2_000_000) == "invalid_header"
    assert time.thread_time() - began < 1


def test_cve_2026_102275_a_key_on_another_curve_of_edwards_is_none():
    for other in (ed448.Ed448PrivateKey.generate(), x25519.X25519PrivateKey.generate()):
        assert signature.problem("EdDSA", other.public_key()) is not None
    held = ed448.Ed448PrivateKey.generate()
    text = made(algorithm="EdDSA").rpartition(".")[0]
    keys = FixedKeys(Key(kid="k1", algorithm="EdDSA", material=held.public_key()))

    assert code(f"{text}.{encode(held.sign(text.encode()))}", entry(keys=keys)) == "wrong_algorithm"


@pytest.mark.parametrize("kind", ["at+jwt", "secevent+jwt", "logout+jwt", "statuslist+jwt", "dpop+jwt"])
def test_the_type_of_a_token_is_looked_at(kind):
    assert code(token(claims("id-token"), {"typ": kind}), entry("id-token")) == "wrong_type"


def test_eight_megabytes_are_not_decoded():
    began = time.thread_time()

    assert code("a" * 8_000_000 + ".e30.") == "token_too_large"
    assert time.thread_time() - began < 0.1


def test_what_pyjwt_is_left_with_is_bytes_a_key_and_a_signature(monkeypatch):
    given: list[tuple[object, ...]] = []

    class Watched:
        def verify(self, *arguments: object) -> bool:
            given.append(arguments)
            return True

    monkeypatch.setitem(signature._WORKS, "RS256", Watched())
    text = made()
    verify(text)

    found = parts.read(text, 8192)
    assert given == [(found.signed, PUBLIC, found.signature)]
