"""A token that is bound to something comes with that, or in vain."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.errors import TokenError
from pdp.identity.options import ProofOptions
from pdp.identity.proof.proofs import Proofs
from pdp.identity.proof.proving import prove
from pdp.identity.proof.replay import MemoryReplays
from pdp.identity.proof.thumbprints import encoded, of_certificate
from pdp.identity.refusals import REFUSALS
from pdp.identity.who import NOTHING, Shown
from tests.identity.tokens import NOW, private_key

TOKEN = "eyJh.eyJz.c2ln"
URL = "https://api.example.org/orders/7"
DER = b"a certificate"
CERTIFICATE = hashlib.sha256(DER).digest()
X5T = of_certificate(DER)
PROOFS = Proofs(private_key("ES256"), now=lambda: NOW)
JKT = PROOFS.thumbprint
OPTIONS = ProofOptions()


def asked(cnf: Any = ..., shown: Shown = NOTHING, options: ProofOptions = OPTIONS, token: str = TOKEN) -> str | None:
    claims = {} if cnf is ... else {"cnf": cnf}
    return prove(claims, token, shown, options, NOW * 1_000_000, MemoryReplays())


def refused(*args: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(TokenError) as caught:
        asked(*args, **more)
    return caught.value.code, str(caught.value)


def shown(certificate: bytes | None = None, *proofs: str) -> Shown:
    return Shown(certificate=certificate, proofs=proofs, method="GET", url=URL)


def proof() -> str:
    return PROOFS.make("GET", URL, TOKEN)


# ----------------------------------------------------------------------------------------------------- bound to nothing


@pytest.mark.parametrize("given", [NOTHING, shown(CERTIFICATE)])
def test_a_token_that_is_bound_to_nothing_needs_nothing(given):
    assert asked(shown=given) is None


def test_a_token_that_is_bound_to_nothing_is_refused_where_it_has_to_be():
    assert refused(shown=shown(CERTIFICATE), options=ProofOptions(required=True)) == (
        "token_not_bound",
        "the token is bound to no key, and its issuer's have to be",
    )


def test_a_proof_does_not_make_a_token_bound():
    assert refused(shown=shown(None, proof())) == (
        "wrong_proof",
        "a proof is shown with a token that is bound to no key for it",
    )


# ----------------------------------------------------------------------------------------------- bound to a certificate


@pytest.mark.parametrize("required", [False, True])
def test_a_token_that_is_bound_to_a_certificate_is_taken_with_it(required):
    assert asked({"x5t#S256": X5T}, shown(CERTIFICATE), ProofOptions(required=required)) == X5T


def test_a_token_that_is_bound_to_a_certificate_is_refused_without_one():
    assert refused({"x5t#S256": X5T}) == (
        "proof_missing",
        "the token is bound to a certificate, and none that counts is shown with it",
    )


@pytest.mark.parametrize(
    "other", [hashlib.sha256(b"another").digest(), b"", CERTIFICATE[:-1], CERTIFICATE + b"\0", DER]
)
def test_a_token_that_is_bound_to_a_certificate_is_refused_with_another(other):
    assert refused({"x5t#S256": X5T}, shown(other)) == (
        "wrong_proof",
        "the token is bound to another certificate than is shown with it",
    )


def test_a_proof_does_not_stand_in_for_a_certificate():
    assert refused({"x5t#S256": X5T}, shown(None, proof()))[0] == "proof_missing"
    assert refused({"x5t#S256": X5T}, shown(CERTIFICATE, proof()))[0] == "wrong_proof"


def test_a_certificate_does_not_stand_in_for_a_proof():
    assert refused({"jkt": X5T}, shown(CERTIFICATE))[0] == "proof_missing"


@given(st.binary(min_size=32, max_size=32))
def test_no_other_digest_is_taken(digest):
    if digest == CERTIFICATE:
        assert asked({"x5t#S256": X5T}, shown(digest)) == X5T
    else:
        assert refused({"x5t#S256": X5T}, shown(digest))[0] == "wrong_proof"


# -------------------------------------------------------------------------------------------------------- bound to both


def test_a_token_that_is_bound_to_both_is_taken_with_both_alone():
    cnf = {"jkt": JKT, "x5t#S256": X5T}

    assert asked(cnf, shown(CERTIFICATE, proof())) == JKT
    assert refused(cnf, shown(CERTIFICATE))[0] == "proof_missing"
    assert refused(cnf, shown(None, proof()))[0] == "proof_missing"
    assert refused(cnf, shown(b"x" * 32, proof()))[0] == "wrong_proof"


# ------------------------------------------------------------------------------------- bound to what nobody understands


@pytest.mark.parametrize("name", ["kid", "jwk", "jwe", "jku", "x5t", "osc", "JKT", "x5t#s256", ""])
@pytest.mark.parametrize("more", [{}, {"x5t#S256": X5T}])
def test_a_token_that_is_bound_in_another_way_is_refused(name, more):
    assert refused({name: X5T} | more, shown(CERTIFICATE)) == (
        "unknown_binding",
        "the token is bound to a key in a way that is not taken here (`cnf`)",
    )


@pytest.mark.parametrize(
    ("ways", "cnf"), [(("dpop",), {"x5t#S256": X5T}), (("mtls",), {"jkt": JKT}), ((), {"x5t#S256": X5T})]
)
def test_a_way_that_is_not_configured_is_not_taken(ways, cnf):
    assert refused(cnf, shown(CERTIFICATE, proof()), ProofOptions(ways=ways))[0] == "unknown_binding"


@pytest.mark.parametrize("cnf", [None, {}, [], "x", 7, [{"jkt": JKT}], {"jkt": None}, {"jkt": ""}, {"jkt": [JKT]}])
def test_what_binds_a_token_to_nothing_in_particular_is_refused(cnf):
    assert refused(cnf, shown(CERTIFICATE, proof()))[0] == "invalid_claims"


@pytest.mark.parametrize("value", [X5T + "=", X5T[:-1], X5T + "A", CERTIFICATE.hex(), X5T[:-1] + "_", 7, None, True])
def test_a_thumbprint_that_is_none_is_refused(value):
    assert refused({"x5t#S256": value}, shown(CERTIFICATE))[0] == "invalid_claims"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([X5T, JKT, encoded(b"x" * 32)]) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["jkt", "x5t#S256", "kid", "jwk"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(JSON)
def test_whatever_a_token_is_bound_to_is_shown_or_it_is_refused(cnf):
    try:
        found = asked(cnf, shown(CERTIFICATE))
    except TokenError:
        assert cnf != {"x5t#S256": X5T}
    else:
        assert (cnf, found) == ({"x5t#S256": X5T}, X5T)


CODES = {"proof_missing", "wrong_proof", "wrong_nonce", "proof_replayed", "proofs_full", "proofs_unavailable"}
CODES |= {"token_not_bound", "unknown_binding", "wrong_certificate"}


def test_every_code_of_what_is_shown_is_given_and_tested():
    root = Path(__file__).resolve().parents[3]
    given = "".join(each.read_text("utf-8") for each in (root / "pdp/identity/proof").glob("*.py"))
    tested = "".join(each.read_text("utf-8") for each in Path(__file__).parent.glob("*.py") if each != Path(__file__))
    tested += Path(__file__).read_text("utf-8").partition("CODES = ")[0]

    assert REFUSALS.keys() >= CODES
    assert [code for code in sorted(CODES) if f'"{code}"' not in given or f'"{code}"' not in tested] == []
