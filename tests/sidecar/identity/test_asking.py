"""Each protocol takes a token, refuses one in the same way, and says of none what it holds."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

import pdp
from pdp_sidecar.authzen.options import Options as AuthzenOptions
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.generated.check_pb2 import Shown
from pdp_sidecar.rpc.bearers import bearer_of, bearers_of
from pdp_sidecar.service import Service
from tests.sidecar.authorities import Authority
from tests.sidecar.identity.asking import EDIT, PEP, READ, Told, by_envoy, by_grpc, by_http, http, message
from tests.sidecar.identity.scene import ADA, BEN, CI, ISSUER, callers, engine, service

ANYBODY = Callers(otherwise=caller("anybody"))

Asks = Callable[..., Told]

ITSELF: dict[str, Asks] = {
    "Check": lambda held, asked, token: by_grpc(held, message(asked, principal=False), token),
    "CheckBatch": lambda held, asked, token: by_grpc(held, message(asked, principal=False), token, "CheckBatch"),
    "Explain": lambda held, asked, token: by_grpc(held, message(asked, principal=False), token, "Explain"),
    "evaluation": lambda held, asked, token: by_http(held, asked, None, token),
    "evaluations": lambda held, asked, token: by_http(held, asked, None, token, many=True),
    "named": lambda held, asked, token: by_http(held, asked, {"type": "User", "id": "ada"}, token),
}
"""Those who ask for themselves."""

HANDED: dict[str, Asks] = {
    "Check": lambda held, asked, token: by_grpc(held, message(asked, token, False), who=ANYBODY),
    "CheckBatch": lambda held, asked, token: by_grpc(held, message(asked, token, False), None, "CheckBatch", ANYBODY),
    "defaults": lambda held, asked, token: by_grpc(
        held, message(asked, token, False), None, "CheckBatch.defaults", ANYBODY
    ),
    "evaluation": lambda held, asked, token: by_http(held, asked, subject(token), who=ANYBODY),
    "evaluations": lambda held, asked, token: by_http(held, asked, subject(token), many=True, who=ANYBODY),
    "envoy": by_envoy,
}
"""Those who hand on the token of whom they serve."""


def subject(token: str, **shown: Any) -> dict[str, Any]:
    return {"type": "pdp:token", "id": token, **({"properties": shown} if shown else {})}


REFUSED = [
    ("expired", "token_expired"),
    ("audience", "wrong_audience"),
    ("nonsense", "malformed_token"),
    ("bound", "proof_missing"),
]


@pytest.mark.parametrize("protocol", ITSELF)
def test_whoever_shows_a_token_asks_for_itself_by_what_it_proved(protocol):
    ask = ITSELF[protocol]

    assert ask(service(), READ, "ada").outcome == "allow"
    assert ask(service(), EDIT, "ada").outcome == "deny"
    assert ask(service(), EDIT, "ada-mfa").outcome == "allow"


@pytest.mark.parametrize(("token", "code"), REFUSED)
@pytest.mark.parametrize("protocol", ITSELF)
def test_whoever_shows_a_token_that_is_refused_is_nobody(protocol, token, code):
    told = ITSELF[protocol](service(), READ, token)

    assert told.outcome in ("unauthenticated", "401")
    assert code in told.said


@pytest.mark.parametrize("protocol", ITSELF)
def test_a_token_that_cannot_be_verified_now_may_be_another_time(protocol):
    told = ITSELF[protocol](service(), READ, "late")

    assert told.outcome in ("unavailable", "503")
    assert "keys_unavailable" in told.said


@pytest.mark.parametrize("protocol", ITSELF)
@pytest.mark.parametrize(
    "target", [{"token": "t-1"}, {"token": "t-1", "issuer": "https://id.example.org"}, {"principal": ADA}]
)
def test_whoever_is_revoked_is_nobody(protocol, target):
    held = engine()
    held.revoke(**target)

    told = ITSELF[protocol](service(held), READ, "ada")

    assert told.outcome in ("unauthenticated", "401")
    assert "token_inactive" in told.said


@pytest.mark.parametrize("protocol", ITSELF)
def test_what_another_issuer_names_so_is_not_revoked_with_it(protocol):
    held = engine()
    held.revoke(token="t-1", issuer="https://other.example.org")

    assert ITSELF[protocol](service(held), READ, "ada").outcome == "allow"


def test_whoever_shows_no_token_is_who_it_was_without_any():
    assert by_grpc(service(), message(READ)).outcome == "unauthenticated"
    assert by_grpc(service(), message(READ), who=ANYBODY).outcome == "allow"
    assert by_grpc(service(), message(READ, principal=False), who=ANYBODY) == Told(
        "deny", "the request names no principal"
    )
    assert by_http(service(), READ).challenge == 'Bearer realm="pdp"'
    assert by_http(service(), READ, who=ANYBODY)[:2] == ("400", "Object missing required field `subject`")


@pytest.mark.parametrize("token", ["expired", "nonsense", "ada,ada", "x y"])
def test_a_token_that_is_refused_never_makes_anybody_of_whoever_shows_it(token):
    people = Callers(by_principal=callers_of_people(), otherwise=caller("anybody"))

    assert by_grpc(service(), message(READ), token, who=people).outcome == "unauthenticated"
    assert by_http(service(), READ, {"type": "User", "id": "ada"}, token, who=people).outcome == "401"


def callers_of_people() -> Any:
    return callers().by_principal[:1]


def test_whoever_was_verified_and_is_no_caller_may_ask_nothing():
    people = Callers(by_principal=callers_of_people(), otherwise=caller("anybody"))

    assert by_grpc(service(), message(READ), "ci", who=people).outcome == "permission_denied"
    assert by_http(service(), READ, None, "ci", who=people).outcome == "403"


def test_a_refusal_over_http_says_so_in_the_words_of_its_standard():
    assert by_http(service(), READ, None, "expired").challenge == 'Bearer realm="pdp", error="invalid_token"'
    assert by_http(service(), READ, None, "bound").challenge == 'DPoP realm="pdp", error="invalid_dpop_proof"'


# ------------------------------------------------------------------------------------------------------ confused deputy


def test_whoever_shows_a_token_asks_for_nobody_else():
    for told in (
        by_grpc(service(), message(pdp.Request(BEN, "read", READ.resource)), "ada"),
        by_http(service(), READ, {"type": "User", "id": "ben"}, "ada"),
        by_grpc(service(), message(READ, "ben"), "ada"),
        by_http(service(), READ, subject("ben"), "ada"),
    ):
        assert told.outcome == "deny"
        assert "may not ask for this principal" in told.said


def test_a_proxy_with_a_token_of_its_own_hands_on_those_of_people():
    assert by_grpc(service(), message(EDIT, "ada-mfa", False), "ci").outcome == "allow"
    assert by_grpc(service(), message(EDIT, "ada", False), "ci").outcome == "deny"
    assert by_grpc(service(), message(READ, principal=False), "ci").outcome == "allow"


# ---------------------------------------------------------------------------------------------------------- handed on


@pytest.mark.parametrize("protocol", HANDED)
def test_a_token_that_is_handed_on_says_who_asks_and_how_they_proved_it(protocol):
    ask = HANDED[protocol]

    assert ask(service(), READ, "ada").outcome == "allow"
    assert ask(service(), EDIT, "ada").outcome in ("deny", "401")
    assert ask(service(), EDIT, "ada-mfa").outcome == "allow"
    assert ask(service(), READ, "agent").outcome == "allow"
    assert ask(service(), EDIT, "agent").outcome == "deny"


@pytest.mark.parametrize(("token", "code"), REFUSED)
@pytest.mark.parametrize("protocol", HANDED)
def test_a_token_that_is_handed_on_and_refused_is_a_deny(protocol, token, code):
    told = HANDED[protocol](service(), READ, token)

    assert told.outcome in ("deny", "401")
    assert code in told.said


@pytest.mark.parametrize("protocol", HANDED)
def test_a_token_of_whom_is_revoked_is_denied(protocol):
    held = engine()
    held.revoke(token="t-1", issuer=ISSUER)

    told = HANDED[protocol](service(held), READ, "ada")

    assert told.outcome in ("deny", "401")
    assert "revoked" in told.said


def test_an_empty_token_is_one_that_is_refused():
    assert "malformed_token" in by_grpc(service(), message(READ, ""), who=ANYBODY).said
    assert "malformed_token" in by_http(service(), READ, subject(""), who=ANYBODY).said
    assert by_envoy(service(), READ, "").outcome == "401"


@pytest.mark.parametrize("protocol", [each for each in HANDED if each != "envoy"])
def test_where_no_tokens_are_taken_one_is_refused(protocol):
    told = HANDED[protocol](Service(engine()), READ, "ada")

    assert told.outcome == "deny"
    assert "unknown_issuer" in told.said


def test_what_was_shown_counts_from_whoever_may_vouch_for_sessions():
    shy = Callers(otherwise=pdp.classes.replace(caller("shy"), asserts_session=False))
    shown = {"proofs": ["x"], "method": "GET", "url": "https://x.io/"}
    sent = message(READ, "bound", False, shown=Shown(**shown))

    assert by_grpc(service(), sent, who=ANYBODY).outcome == "allow"
    assert "proof_missing" in by_grpc(service(), sent, who=shy).said
    assert by_http(service(), READ, subject("bound", **shown), who=ANYBODY).outcome == "allow"
    assert "proof_missing" in by_http(service(), READ, subject("bound", **shown), who=shy).said
    assert by_envoy(service(), READ, headers={"authorization": "DPoP bound", "dpop": "x"}).outcome == "allow"


@pytest.mark.parametrize(
    "shown", [{"proofs": "x"}, {"proof": ["x"]}, {"certificate": "AAAA"}, {"certificate": 1}, {"url": 1}]
)
def test_what_is_no_proof_is_told_at_once(shown):
    for many in (False, True):
        told = by_http(service(), READ, subject("bound", **shown), many=many, who=ANYBODY)

        assert told.outcome in ("400", "deny")
        assert "certificate" in told.said


def test_a_token_is_neither_a_resource_nor_searched_for():
    with_token = {"subject": subject("ada"), "action": {"name": "read"}, "resource": {"type": "Page", "id": ""}}
    with http(service(), who=ANYBODY) as served:
        searched = served.ask("/access/v1/search/resource", with_token)
        asked = served.ask(
            "/access/v1/evaluation",
            {"subject": {"type": "User", "id": "ada"}, "action": {"name": "read"}, "resource": subject("ada")},
        )

    assert (searched.status_code, asked.status_code) == (400, 400)


def test_what_remembers_questions_holds_no_token():
    alone, items = message(READ, "ada", False), [message(READ, "ada", False), message(READ, "ben", False)]
    shared = message(READ, "ada", False)

    async def look() -> None:
        await bearer_of(service(), PEP, alone)
        await bearers_of(service(), PEP, items, shared)

    asyncio.run(look())

    assert not any(each.HasField("token") or each.HasField("shown") for each in (alone, shared, *items))


# ---------------------------------------------------------------------------------------------------------------- DPoP


def test_a_proof_is_of_the_url_that_clients_know():
    held = service()
    options = AuthzenOptions(identifier="https://pdp.example.com/shop")
    document = {"action": {"name": "read"}, "resource": {"type": "Page", "id": "home"}}
    with http(held, options) as served:
        for path in ("/access/v1/evaluation", "/shop/access/v1/evaluation"):
            answer = served.ask(path, document, authorization="DPoP bound", dpop="proof")
            assert answer.json() == {"decision": True}

    seen = {shown for _, shown in held.identifying._issuers.seen}
    assert {(each.method, each.url, each.proofs) for each in seen} == {
        ("POST", "https://pdp.example.com/shop/access/v1/evaluation", ("proof",))
    }


def test_the_scheme_of_proofs_is_for_tokens_that_are_bound():
    document = {"action": {"name": "read"}, "resource": {"type": "Page", "id": "home"}}
    static = Callers(by_token=caller_by("secret"), by_principal=callers_of_people())
    with http(service(), who=static) as served:
        for given in ("DPoP ada", "DPoP secret"):
            assert served.ask("/access/v1/evaluation", document, authorization=given, dpop="proof").status_code == 401
        assert served.ask("/access/v1/evaluation", document, authorization="Bearer ada").status_code == 200


def test_a_proof_comes_by_the_scheme_of_proofs_and_that_with_a_proof():
    document = {"action": {"name": "read"}, "resource": {"type": "Page", "id": "home"}}
    with http(service()) as served:
        for given, statuses in (("DPoP bound", (200, 401)), ("Bearer bound", (401, 401)), ("Bearer ada", (401, 200))):
            ask = functools.partial(served.ask, "/access/v1/evaluation", document, authorization=given)
            assert (ask(dpop="proof").status_code, ask().status_code) == statuses

    for given, outcome in (("DPoP bound", "allow"), ("Bearer bound", "401")):
        assert by_envoy(service(), READ, headers={"authorization": given, "dpop": "x"}).outcome == outcome
    with_certificate = functools.partial(by_envoy, service(), READ, certificate=quote(Authority().issue().certificate))
    assert with_certificate(headers={"authorization": "DPoP bound"}).said == "proof_missing"
    assert with_certificate(headers={"authorization": "Bearer bound"}).outcome == "allow"


def caller_by(token: str) -> dict[bytes, Any]:
    return {hashlib.sha256(token.encode()).digest(): PEP}


# --------------------------------------------------------------------------------------------------------------- Envoy


def test_envoy_is_told_what_to_ask_a_client_for():
    assert by_envoy(service(), READ) == Told("401", "no_token", "Bearer")
    assert by_envoy(service(), READ, "expired").challenge == 'Bearer error="invalid_token"'
    assert by_envoy(service(), READ, "bound").challenge == 'DPoP error="invalid_dpop_proof"'
    assert by_envoy(service(), READ, "late")[:2] == ("503", "keys_unavailable")
    assert by_envoy(service(), READ, headers={"authorization": "Basic x"}).outcome == "401"
    assert by_envoy(service(), READ, headers={"authorization": "DPoP ada", "dpop": "x"}).said == "wrong_proof"


def test_whoever_sent_a_request_is_not_who_asked_about_it():
    bound = caller("envoy", principals=["Workload"])

    assert by_envoy(service(), READ, "ada", who=bound).outcome == "deny"
    assert by_envoy(service(), READ, "ci", who=bound).outcome == "allow"
    assert CI.type == "Workload"


# ------------------------------------------------------------------------------------------------------------- step-up


def test_a_deny_that_another_sign_in_would_lift_says_which_to_whoever_asks_why():
    document = {"action": {"name": "edit"}, "resource": {"type": "Page", "id": "home"}}

    with http(service()) as served:
        plain = served.ask("/access/v1/evaluation", document, authorization="Bearer ada")
        told = served.ask("/access/v1/evaluation", document, authorization="Bearer ada", x_pdp_reasons="true").json()
        many = served.ask(
            "/access/v1/evaluations", {"evaluations": [document]}, authorization="Bearer ada", x_pdp_reasons="true"
        ).json()["evaluations"][0]

    assert plain.json() == {"decision": False}
    for each in (told, many):
        assert (each["decision"], each["context"]["acr_values"]) == (False, ["phr"])


def test_envoy_is_told_which_sign_in_a_client_needs():
    told = by_envoy(service(), EDIT, "ada")

    assert told.challenge == 'Bearer error="insufficient_user_authentication", acr_values="phr"'
    assert told.outcome == "401"
    assert by_envoy(service(), EDIT, "ben").outcome == "deny"
