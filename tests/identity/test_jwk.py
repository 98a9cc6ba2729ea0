"""Which keys of a set may verify, by which algorithm, and which sets are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from pdp.identity import jwk
from tests.identity.tokens import encode, private_key, public_jwk

EVERY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def document(*keys: Any, **more: Any) -> bytes:
    return json.dumps({"keys": keys, **more}).encode()


def read(*keys: Any, use: jwk.Use = "sig", algorithms: tuple[str, ...] = EVERY, **more: Any) -> jwk.KeySet:
    return jwk.read(document(*keys, **more), use=use, algorithms=algorithms)


def without(key: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in names}


def rsa_jwk(bits: int, exponent: int = 65537) -> dict[str, Any]:
    """Return what looks like a key of RSA; nothing else is made sure of."""
    modulus = (1 << (bits - 1)) + 1
    numbers = {"n": modulus, "e": exponent}
    return {"kty": "RSA", "kid": "made"} | {
        name: encode(value.to_bytes((value.bit_length() + 7) // 8)) for name, value in numbers.items()
    }


# --------------------------------------------------------------------------------------------------- what is taken


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_key_is_what_its_issuer_has(algorithm: str) -> None:
    found = read(public_jwk(algorithm))

    (key,) = found.keys
    assert (key.kid, key.algorithm, found.notes) == ("k1", algorithm, ())
    assert key.material == private_key(algorithm, "k1").public_key()


def test_a_key_without_an_algorithm_is_one_for_each_that_fits_and_is_configured() -> None:
    found = read(without(public_jwk("RS256"), "alg"), algorithms=("ES256", "PS256", "RS256"))

    assert [(key.kid, key.algorithm) for key in found.keys] == [("k1", "PS256"), ("k1", "RS256")]


@pytest.mark.parametrize(("algorithm", "name"), [("ES256", "ES256"), ("ES384", "ES384"), ("EdDSA", "EdDSA")])
def test_a_curve_has_one_algorithm(algorithm: str, name: str) -> None:
    found = read(without(public_jwk(algorithm), "alg"))

    assert [key.algorithm for key in found.keys] == [name]


def test_an_empty_set_says_that_all_keys_were_revoked() -> None:
    assert read() == jwk.KeySet()


def test_certificates_and_addresses_in_a_key_are_passed_by() -> None:
    found = read(public_jwk("ES256", x5c=["nonsense"], x5u="https://evil.example/cert", x5t="nonsense"))

    assert len(found.keys) == 1
    assert found.notes == ()


def test_a_key_may_have_no_name() -> None:
    assert [key.kid for key in read(without(public_jwk("ES256"), "kid")).keys] == [""]


def test_a_modulus_may_begin_with_nothing() -> None:
    modulus = private_key("RS256", "k1").public_key().public_numbers().n

    found = read(public_jwk("RS256", n=encode(b"\0" + modulus.to_bytes(256))))

    assert found.keys[0].material == private_key("RS256", "k1").public_key()


def test_a_bundle_of_spiffe_has_keys_for_certificates_too() -> None:
    """PyJWKClient drops all keys of SPIFFE: their use is none that it knows."""
    x509 = {"kty": "EC", "use": "x509-svid", "crv": "P-256", "x": "", "y": "", "x5c": ["…"]}
    svid = public_jwk("ES256", use="jwt-svid")

    found = read(x509, svid, use="jwt-svid", spiffe_sequence=7, spiffe_refresh_hint=600)

    assert [key.kid for key in found.keys] == ["k1"]
    assert (found.sequence, found.refresh, found.notes) == (7, 600, ())


@pytest.mark.parametrize("value", [None, "600", 600.5, True, -1, [600]])
def test_a_hint_that_is_none_is_passed_by(value: object) -> None:
    found = read(use="jwt-svid", spiffe_sequence=value, spiffe_refresh_hint=value)

    assert (found.sequence, found.refresh) == (None, None)


@pytest.mark.parametrize("use", ["enc", "jwt-svid", "SIG", ""])
def test_keys_for_another_use_are_left_out(use: str) -> None:
    found = read(public_jwk("ES256", use=use), public_jwk("ES384", "k2"))

    assert [key.kid for key in found.keys] == ["k2"]
    assert found.notes == ()


# ---------------------------------------------------------------------------------------------- what is passed over

PUBLIC = public_jwk("ES256")
OF_RSA = public_jwk("RS256")
BEYOND = "A" * 257


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, "it is not a public one"),
        ({"kty": "oct", "kid": "s"}, "it is of no kind that is taken"),
        ({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, "it is of no kind that is taken"),
        ({"kid": "s"}, "it is of no kind that is taken"),
        ({"kty": ["RSA"]}, "it is of no kind that is taken"),
        (rsa_jwk(1024), "it is of RSA with 1024 bits, and not with 2048 to 8192"),
        (rsa_jwk(2047), "it is of RSA with 2047 bits, and not with 2048 to 8192"),
        (rsa_jwk(8193), "it is of RSA with 8193 bits, and not with 2048 to 8192"),
        (rsa_jwk(2048, exponent=1), "its numbers are none of RSA"),
        (rsa_jwk(2048, exponent=3), "its numbers are none of RSA"),
        (rsa_jwk(2048, exponent=65538), "its numbers are none of RSA"),
        (rsa_jwk(2048, exponent=(1 << 32) + 1), "its numbers are none of RSA"),
        (OF_RSA | {"n": encode((1 << 2047).to_bytes(256))}, "its numbers are none of RSA"),
        (OF_RSA | {"n": OF_RSA["n"] + "=="}, "its `n` is missing, or is none"),
        (OF_RSA | {"n": OF_RSA["n"][:-1] + "+"}, "its `n` is missing, or is none"),
        (OF_RSA | {"n": "A\n"}, "its `n` is missing, or is none"),
        (OF_RSA | {"n": 5}, "its `n` is missing, or is none"),
        (OF_RSA | {"e": "AQABA"}, "its `e` is missing, or is none"),
        (OF_RSA | {"e": "AQAC0A="}, "its `e` is missing, or is none"),
        (OF_RSA | {"alg": "ES256"}, "its algorithm is not one of its kind"),
        (OF_RSA | {"alg": "HS256"}, "its algorithm is not one of its kind"),
        (OF_RSA | {"alg": "rs256"}, "its algorithm is not one of its kind"),
        (OF_RSA | {"alg": ["RS256"]}, "its algorithm is not one of its kind"),
        (OF_RSA | {"alg": {}}, "its algorithm is not one of its kind"),
        (PUBLIC | {"alg": "ES384"}, "its algorithm is not one of its kind"),
        (PUBLIC | {"crv": "P-384", "alg": "ES384"}, "its `x` is missing, or is none"),
        ({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(32))[:-1] + "B"}, "its `x` is missing, or is none"),
        (PUBLIC | {"crv": "secp256k1", "alg": "ES256K"}, "its curve is none that is taken"),
        (PUBLIC | {"crv": ["P-256"]}, "its curve is none that is taken"),
        (PUBLIC | {"x": PUBLIC["y"]}, "its numbers are those of no key"),
        (PUBLIC | {"x": encode(bytes(32)), "y": encode(bytes(32))}, "its numbers are those of no key"),
        (PUBLIC | {"d": PUBLIC["x"]}, "it is not a public one"),
        (OF_RSA | {"p": "AQAB"}, "it is not a public one"),
        (PUBLIC | {"use": 1}, "it does not say what it is for"),
        (PUBLIC | {"kid": 1}, "its name is none"),
        (PUBLIC | {"kid": BEYOND}, "its name is none"),
        (PUBLIC | {"kid": "a\0b"}, "its name is none"),
        (PUBLIC | {"key_ops": ["sign"]}, "it is not there to verify"),
        (PUBLIC | {"key_ops": []}, "it is not there to verify"),
        (PUBLIC | {"key_ops": "verify"}, "it is not there to verify"),
        (PUBLIC | {"key_ops": [{}]}, "it is not there to verify"),
        ({"kty": "OKP", "crv": "X25519", "x": encode(bytes(32))}, "its curve is none that is taken"),
        ({"kty": "OKP", "crv": "Ed448", "x": encode(bytes(57))}, "its curve is none that is taken"),
        ({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(31))}, "its `x` is missing, or is none"),
        ({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(33))}, "its `x` is missing, or is none"),
        ("RSA", "it is no object"),
        (None, "it is no object"),
        ([], "it is no object"),
    ],
)
def test_an_odd_key_does_not_lose_the_others(odd: object, said: str) -> None:
    """CVE-2026-48526, 102266: secrets of remote sets; 102274: malformed keys of RSA; 102275: those of OKP."""
    good = public_jwk("ES384", "good")

    found = read(odd, good)

    assert [key.kid for key in found.keys] == ["good"]
    assert found.notes == (f"key 1 is passed over: {said}",)


def test_a_key_whose_algorithm_is_not_configured_is_passed_over() -> None:
    found = read(public_jwk("RS256"), algorithms=("PS256", "ES256"))

    assert found == jwk.KeySet(notes=("key 1 is passed over: it is for no algorithm that is configured",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"use": None}, "it does not say what it is for"),
        ({"kid": ""}, "it has no name"),
    ],
)
def test_a_key_of_a_bundle_says_what_it_is_for_and_has_a_name(change: dict[str, Any], said: str) -> None:
    key = public_jwk("ES256", use="jwt-svid") | change

    found = read({name: value for name, value in key.items() if value is not None}, use="jwt-svid")

    assert found == jwk.KeySet(notes=(f"key 1 is passed over: {said}",))


def test_keys_that_are_too_short_are_passed_over_though_they_are_real() -> None:
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    short = {"kty": "RSA", "n": encode(numbers.n.to_bytes(128)), "e": "AQAB"}

    assert read(short).keys == ()


def test_keys_of_other_curves_are_passed_over_though_they_are_real() -> None:
    other = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    point = {"x": encode(other.x.to_bytes(32)), "y": encode(other.y.to_bytes(32))}
    goldilocks = encode(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw())

    found = read({"kty": "EC", "crv": "P-256", **point}, {"kty": "OKP", "crv": "Ed448", "x": goldilocks})

    assert found.keys == ()
    assert len(found.notes) == 2


# ------------------------------------------------------------------------------------------------------ what is none


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!doctype html><title>Sign in</title>", "the set of keys cannot be read: it is no JSON"),
        (b'{"keys": [], "keys": []}', "the set of keys cannot be read: a name stands twice in one object"),
        (b"[]", "the set of keys cannot be read: it is no object of JSON"),
        (document(PUBLIC | {"kid": "\ud800"}), "the set of keys cannot be read: it is no text in UTF-8"),
        (b"{}", "what was read is no set of keys"),
        (b'{"keys": {}}', "what was read is no set of keys"),
        (b'{"keys": null}', "what was read is no set of keys"),
        (document(PUBLIC, PUBLIC), "two keys of the set have one name"),
        (document(PUBLIC, public_jwk("RS256")), "two keys of the set have one name"),
        (document(PUBLIC, {"kty": "oct", "kid": "k1"}), "two keys of the set have one name"),
        (document(*[{}] * 65), "the set has more than 64 keys"),
        (document(pad="x" * jwk.LARGEST), "the set of keys is larger than 262144 bytes"),
    ],
)
def test_a_document_that_is_no_set_is_refused_as_a_whole(data: bytes, said: str) -> None:
    with pytest.raises(jwk.KeysError) as found:
        jwk.read(data, use="sig", algorithms=EVERY)

    assert str(found.value) == said


def test_the_same_name_for_another_use_is_no_matter() -> None:
    found = read(PUBLIC, PUBLIC | {"use": "enc"})

    assert len(found.keys) == 1


def test_sixty_four_keys_are_a_set() -> None:
    found = read(*[PUBLIC | {"kid": str(number)} for number in range(64)])

    assert len(found.keys) == 64


MEMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from([*PUBLIC.values(), *OF_RSA.values(), "OKP", "Ed25519", "P-384", "jwt-svid", "verify"]),
    st.lists(st.text("abc", max_size=3) | st.just("verify"), max_size=2),
    st.dictionaries(st.text("abc", max_size=2), st.none(), max_size=1),
)
NAMES = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "alg", "use", "kid", "key_ops", "k", "x5c"])
KEYS = st.one_of(
    MEMBERS,
    st.builds(
        lambda base, change: base | change, st.sampled_from([PUBLIC, OF_RSA, {}]), st.dictionaries(NAMES, MEMBERS)
    ),
)


@given(st.lists(KEYS, max_size=5), st.sets(st.sampled_from(EVERY), min_size=1))
def test_whatever_a_set_says_only_keys_that_fit_come_of_it(keys: list[Any], algorithms: set[str]) -> None:
    try:
        found = jwk.read(document(*keys), use="sig", algorithms=algorithms)
    except jwk.KeysError as error:
        assert str(error) == "two keys of the set have one name"
        return

    names = [(key.kid, key.algorithm) for key in found.keys if key.kid]
    assert len(names) == len(set(names))
    assert {key.algorithm for key in found.keys} <= algorithms
    for key in found.keys:
        kind = type(key.material).__name__
        assert {"R": "RSAPublicKey", "P": "RSAPublicKey", "E": kind}[key.algorithm[0]] == kind


JSON = st.recursive(
    MEMBERS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["keys", "kty", "kid", "spiffe_sequence"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=64) | st.builds(lambda value: json.dumps(value).encode(), JSON))
def test_whatever_is_read_is_a_set_or_none(data: bytes) -> None:
    try:
        found = jwk.read(data, use="sig", algorithms=EVERY)
    except jwk.KeysError as error:
        assert str(error)
        return

    assert isinstance(found, jwk.KeySet)
