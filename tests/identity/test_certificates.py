"""What a certificate of a workload says, and for how long it says it."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pdp.identity.certificates import Leaf, digest_of, domain_of, identities_of, leaf_of
from tests.sidecar.authorities import DAY, Authority

SHOP = "spiffe://example.org/shop"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
AUTHORITY = Authority()
ISSUED = AUTHORITY.issue(SHOP, begins=NOW, ends=NOW + DAY)
DER = x509.load_pem_x509_certificate(ISSUED.certificate).public_bytes(Encoding.DER)
DIGEST = hashlib.sha256(DER).digest()
MOMENT = datetime.timedelta(microseconds=1)


@pytest.mark.parametrize("form", [DER, ISSUED.certificate, b"\n" + ISSUED.certificate], ids=["DER", "PEM", "PEM below"])
def test_the_digest_of_a_certificate_is_that_of_its_der(form):
    assert leaf_of(form) == Leaf(SHOP, NOW, NOW + DAY, DIGEST)


def test_a_certificate_has_a_digest_from_its_begin_until_its_end():
    assert digest_of(DER, NOW) == digest_of(DER, NOW + DAY - MOMENT) == DIGEST
    assert digest_of(DER, NOW - MOMENT) is None
    assert digest_of(DER, NOW + DAY) is None


def test_a_certificate_of_nobody_has_a_digest_all_the_same():
    issued = AUTHORITY.issue(begins=NOW, ends=NOW + DAY)

    assert identities_of(issued.certificate, NOW) == ()
    assert digest_of(issued.certificate, NOW) is not None


@pytest.mark.parametrize(
    "data", [b"", b"junk", DER[:-1], b"-----BEGIN CERTIFICATE-----\n", DER + b"\0" * 70_000], ids=lambda _: "data"
)
def test_what_is_no_certificate_has_no_digest(data):
    assert digest_of(data, NOW) is None


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_a_certificate_with_another_byte_has_another_digest(place, change):
    changed = bytearray(DER)
    changed[place] ^= change

    assert digest_of(bytes(changed), NOW) != DIGEST


@given(st.text(alphabet="abAB09/._-:%@?# \0é", max_size=30))
def test_an_id_has_one_domain_and_a_plain_path(text):
    domain = domain_of(f"spiffe://{text}")

    if domain is not None:
        segments = text.split("/")
        assert segments[0] == domain == domain.lower()
        assert all(each not in ("", ".", "..") and each.isascii() for each in segments[1:])
        assert len(segments) > 1 and not set(text) & set(":%@?# \0")


def test_an_id_is_bounded():
    path = "x" * (2048 - len("spiffe://a/"))

    assert domain_of(f"spiffe://a/{path}") == "a"
    assert domain_of(f"spiffe://a/{path}x") is None
