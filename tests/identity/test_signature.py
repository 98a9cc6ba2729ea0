"""A signature is that of one key, by the one algorithm that the key is for."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from identity.entries import ALGORITHMS, EASY, FixedKeys, claims, code, entry, key, made, refusal, verify
from identity.tokens import encode, private_key, public_jwk, sign, token

from pdp.identity import parts, signature
from pdp.identity.issuer import Key

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""

FITTING = {
    "RSA": (private_key("RS256", "k1").public_key(), {name for name in ALGORITHMS if name[:2] in ("RS", "PS")}),
    "P-256": (private_key("ES256", "k1").public_key(), {"ES256"}),
    "P-384": (private_key("ES384", "k1").public_key(), {"ES384"}),
    "P-521": (private_key("ES512", "k1").public_key(), {"ES512"}),
    "Ed25519": (private_key("EdDSA", "k1").public_key(), {"EdDSA"}),
    "secp256k1": (ec.generate_private_key(ec.SECP256K1()).public_key(), set()),
    "Ed448": (ed448.Ed448PrivateKey.generate().public_key(), set()),
    "X25519": (x25519.X25519PrivateKey.generate().public_key(), set()),
    "RSA of 1024 bits": (rsa.generate_private_key(65537, 1024).public_key(), set()),
    "RSA of 2040 bits": (rsa.RSAPublicNumbers(65537, 2**2039 + 1).public_key(), set()),
    "RSA of 16384 bits": (rsa.RSAPublicNumbers(65537, 2**16383 + 1).public_key(), set()),
    "a private key of RSA": (private_key("RS256", "k1"), set()),
    "a private key on a curve": (private_key("ES256", "k1"), set()),
    "a private key of Ed25519": (private_key("EdDSA", "k1"), set()),
    "bytes": (b"secret", set()),
    "a text": ("secret", set()),
    "nothing": (None, set()),
}


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "none", "HS256", "ES256K", ""])
@pytest.mark.parametrize("name", FITTING)
def test_an_algorithm_has_one_kind_of_key(name, algorithm):
    material, fitting = FITTING[name]

    assert (signature.problem(algorithm, material) is None) is (algorithm in fitting)


@pytest.mark.parametrize("algorithm", EASY)
@pytest.mark.parametrize("name", FITTING)
def test_a_key_that_is_none_for_its_algorithm_verifies_nothing(name, algorithm):
    material, fitting = FITTING[name]
    keys = FixedKeys(Key(kid="k1", algorithm=algorithm, material=material))

    found = code(token(claims(), {"kid": "k1"}, algorithm, "another"), entry(keys=keys))

    assert found == ("wrong_signature" if algorithm in fitting else "wrong_algorithm")


@pytest.mark.parametrize(("said", "signed"), [("PS256", "RS256"), ("RS256", "PS256"), ("RS512", "RS256")])
def test_a_key_of_rsa_is_for_one_algorithm_alone(said, signed):
    given_key = Key(kid="k1", algorithm=signed, material=private_key(signed, "k1").public_key())
    found = parts.read(token(claims(), {"alg": said}, signed), 8192)

    assert refusal(signature.verify, found, given_key).code == "wrong_algorithm"


def public_texts() -> dict[str, bytes]:
    public = private_key("RS256", "k1").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    pkcs = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {
        "PEM": pem,
        "PEM of PKCS1": pkcs,
        "PEM without its last line": pem.rstrip(),
        "PEM with other lines": pem.replace(b"\n", b"\r\n"),
        "PEM after a space": b" " + pem,
        "PEM with fewer dashes": pem.replace(b"-----", b"----- ", 1),
        "DER": public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        "SSH": ssh,
        "JWK": json.dumps(public_jwk("RS256")).encode(),
        "JWK set": json.dumps({"keys": [public_jwk("RS256")]}).encode(),
        "JWK in lists": b"[" * 5000 + json.dumps(public_jwk("RS256")).encode(),
        "nothing": b"",
    }


@pytest.mark.parametrize("name", public_texts())
@pytest.mark.parametrize("algorithm", ["HS256", "hs256"])
def test_no_public_key_is_a_secret(name, algorithm):
    secret = public_texts()[name]
    text = f"{encode(json.dumps({'alg': algorithm, 'kid': 'k1'}).encode())}.{encode(json.dumps(claims()).encode())}"
    text += f".{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
    symmetric = FixedKeys(Key(kid="k1", algorithm=algorithm, material=secret))

    assert code(text) == "wrong_algorithm"
    assert code(text, entry(keys=symmetric, algorithms=(algorithm, "RS256"))) == "wrong_algorithm"


@pytest.mark.parametrize("algorithm", EASY)
@pytest.mark.parametrize(
    "bad", [b"", b"\0", b"\0" * 64, b"\0" * 256, b"\xff" * 64, b"\xff" * 256, b"\1" * 4000], ids=len
)
def test_a_signature_is_none_of_bytes_that_anybody_can_write(algorithm, bad):
    text = made(algorithm=algorithm).rpartition(".")[0]

    assert code(f"{text}.{encode(bad)}") == "wrong_signature"


@pytest.mark.parametrize("algorithm", EASY)
def test_a_signature_has_one_length(algorithm):
    text, _, _ = made(algorithm=algorithm).rpartition(".")
    signed = sign(algorithm, text.encode())

    for wrong in (signed + b"\0", b"\0" + signed, signed[:-1], signed[1:], signed * 2):
        assert code(f"{text}.{encode(wrong)}") == "wrong_signature"


@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
def test_no_edge_of_a_curve_is_a_signature(r, s):
    text = made(algorithm="ES256").rpartition(".")[0]

    assert code(f"{text}.{encode(r.to_bytes(32) + s.to_bytes(32))}") == "wrong_signature"


def test_a_signature_on_a_curve_is_two_numbers_and_not_der():
    text = made(algorithm="ES256").rpartition(".")[0]
    der = private_key("ES256", "k1").sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)

    assert code(f"{text}.{encode(der)}") == "wrong_signature"
    assert verify(f"{text}.{encode(r.to_bytes(32) + s.to_bytes(32))}").key.algorithm == "ES256"
    # Both fit a number with a zero before it, and neither may have one.
    assert code(f"{text}.{encode(r.to_bytes(33) + s.to_bytes(33))}") == "wrong_signature"
    assert code(f"{text}.{encode((r + ORDER).to_bytes(33) + s.to_bytes(33))}") == "wrong_signature"


def test_a_signature_on_a_curve_has_a_twin_so_a_token_is_known_by_what_it_claims():
    text = made(algorithm="ES256")
    signed, _, _ = text.rpartition(".")
    raw = parts.read(text, 8192).signature
    twin = raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32)

    # The standard lets both be. A text that differs is no other token: revocations are by issuer and `jti`.
    assert verify(f"{signed}.{encode(twin)}").claims == verify(text).claims


def test_a_signature_of_another_salt_or_digest_is_none():
    text = made(algorithm="PS256").rpartition(".")[0].encode()
    private, digest = private_key("PS256", "k1"), hashes.SHA256()
    ways: list[tuple[Any, Any]] = [
        (padding.PSS(padding.MGF1(digest), 0), digest),
        (padding.PSS(padding.MGF1(digest), padding.PSS.MAX_LENGTH), digest),
        (padding.PSS(padding.MGF1(hashes.SHA1()), 32), digest),
        (padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512()),
        (padding.PKCS1v15(), digest),
    ]

    for way, hashed in ways:
        assert code(f"{text.decode()}.{encode(private.sign(text, way, hashed))}") == "wrong_signature"


SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What names the digest in a signature of PKCS #1."""


def forged(block: bytes) -> str:
    """Return a token whose signature is a block of our own, by the private key: whatever is odd is the block alone."""
    text = made().rpartition(".")[0]
    block = block.replace(b"<digest>", hashlib.sha256(text.encode()).digest())
    numbers = private_key("RS256", "k1").private_numbers()
    filled = block.replace(b"<fill>", b"\xff" * (256 - len(block) + len(b"<fill>")), 1)
    assert len(filled) == 256
    power = pow(int.from_bytes(filled), numbers.d, numbers.public_numbers.n)
    return f"{text}.{encode(power.to_bytes(256))}"


RIGHT = b"\0\1<fill>\0" + SHA256 + b"<digest>"
BLOCKS = {
    "garbage at the end": b"\0\1" + b"\xff" * 8 + b"\0" + SHA256 + b"<digest>" + b"\x5a" * 194,
    "a zero at the end": b"\0\1<fill>\0" + SHA256 + b"<digest>\0",
    "no parameters": b"\0\1<fill>\0" + bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20<digest>",
    "another digest named": RIGHT.replace(SHA256, bytes.fromhex("3031300d060960864801650304020305000420")),
    "a length in two bytes": RIGHT.replace(SHA256, bytes.fromhex("308131300d060960864801650304020105000420")),
    "no end": RIGHT.replace(SHA256, bytes.fromhex("3080300d060960864801650304020105000420")) + b"\0\0",
    "another tag": RIGHT.replace(SHA256, bytes.fromhex("3031300d060960864801650304020105000520")),
    "no name of a digest": b"\0\1<fill>\0<digest>",
    "garbage in parameters": RIGHT.replace(
        SHA256, bytes.fromhex("3039301506096086480165030402010508") + b"garbage!\4\x20"
    ),
    "a block for encryption": RIGHT.replace(b"\0\1", b"\0\2", 1),
    "a block of zeros": RIGHT.replace(b"\0\1", b"\0\0", 1),
    "a block that begins with another byte": RIGHT.replace(b"\0\1", b"\1\1", 1),
    "a fill with a hole": b"\0\1" + b"\xff" * 20 + b"\xfe<fill>\0" + SHA256 + b"<digest>",
    "no zero after the fill": b"\0\1<fill>" + SHA256 + b"<digest>",
    "no digest": b"\0\1<fill>\0" + SHA256,
}


def test_a_block_that_is_filled_by_hand_is_a_signature():
    assert verify(forged(RIGHT)).key.algorithm == "RS256"


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_that_is_filled_in_another_way_is_no_signature(name):
    assert code(forged(BLOCKS[name])) == "wrong_signature"


@pytest.mark.parametrize("answer", [1, "True", b"\1", [True], None, object()])
def test_nothing_but_true_is_a_yes(monkeypatch, answer):
    class Says:
        def verify(self, *_: Any) -> Any:
            return answer

    monkeypatch.setitem(signature._WORKS, "RS256", Says())

    assert code(made()) == "wrong_signature"


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError, MemoryError, RecursionError])
def test_a_signature_that_cannot_be_judged_is_none(monkeypatch, error):
    class Fails:
        def verify(self, *_: Any) -> Any:
            raise error("no")

    monkeypatch.setitem(signature._WORKS, "RS256", Fails())

    assert code(made()) == "wrong_signature"


@given(st.sampled_from(EASY), st.binary(max_size=600))
def test_no_other_bytes_are_a_signature(algorithm, data):
    assert code(f"{made(algorithm=algorithm).rpartition('.')[0]}.{encode(data)}") == "wrong_signature"


def test_the_key_of_another_token_is_not_the_key():
    assert code(token(claims(), {"kid": "k1"}, name="k2"), entry(keys=FixedKeys(key("RS256", "k1")))) == (
        "wrong_signature"
    )
