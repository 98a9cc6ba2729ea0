"""Tokens that the provider bound to a key (RFC 9449)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pdp.identity.proof.proofs import Proofs
from pdp.identity.who import Shown

URL = "https://api.example.org/services/shop"


@pytest.fixture
def proofs() -> Proofs:
    return Proofs(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def bound(provider, proofs) -> str:
    return provider.token(proof=proofs.make("POST", provider.configuration["token_endpoint"], ""))


def shown(*proofs: str) -> Shown:
    return Shown(proofs=proofs, method="GET", url=URL)


def test_whoever_has_the_key_is_known_as_bound(scene, proofs, bound):
    who = scene("people").who(bound, shown(proofs.make("GET", URL, bound)))

    assert who.session["bound"] is True
    assert who.session["key_id"] == proofs.thumbprint


def test_whoever_has_the_token_alone_is_refused(scene, bound):
    assert scene("people").refusal(bound) == "proof_missing"


def test_a_proof_is_taken_once(scene, proofs, bound):
    found, proof = scene("people"), proofs.make("GET", URL, bound)
    found.who(bound, shown(proof))

    assert found.refusal(bound, shown(proof)) == "proof_replayed"
    assert found.who(bound, shown(proofs.make("GET", URL, bound)))


def test_a_proof_by_another_key_is_none(scene, bound):
    thief = Proofs(ec.generate_private_key(ec.SECP256R1()))

    assert scene("people").refusal(bound, shown(thief.make("GET", URL, bound))) == "wrong_proof"


def test_a_proof_for_another_request_is_none(scene, proofs, bound):
    found = scene("people")

    assert found.refusal(bound, shown(proofs.make("POST", URL, bound))) == "wrong_proof"
    assert found.refusal(bound, shown(proofs.make("GET", f"{URL}/other", bound))) == "wrong_proof"


def test_a_proof_with_another_token_is_none(provider, scene, proofs, bound):
    other = provider.token(proof=proofs.make("POST", provider.configuration["token_endpoint"], ""))

    assert scene("people").refusal(bound, shown(proofs.make("GET", URL, other))) == "wrong_proof"
