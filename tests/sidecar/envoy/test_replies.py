"""What Envoy is told, and that nothing but an allow lets a request through."""

from __future__ import annotations

import json
import time
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.messages import FAILED, Allowance, allowed, denied, header, serialised, struct
from pdp_sidecar.envoy.options import ObligationOption, PrincipalOption
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.generated.ext_authz_pb2 import (
    APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD,
    CheckResponse,
    DeniedHttpResponse,
    OkHttpResponse,
    Status,
)
from tests.sidecar.envoy.scene import (
    NOW,
    answered,
    asked,
    check,
    claims,
    engine,
    identified,
    is_allow,
    options,
    service,
    told,
)

RELEASE = {"path": "/services/docs/releases", "method": "POST", "headers": {"x-change": "c1"}}
SIGN_IN = 'Bearer error="insufficient_user_authentication", acr_values="phr", max_age="900"'


def strong(subject: str = "ada") -> dict[str, object]:
    """Return the claims of somebody who just signed in with a second factor."""
    return claims(subject, amr=["mfa"], auth_time=int(time.time()) - 5)


# ------------------------------------------------------------------------------------------------------------- allows


def test_an_allow_lets_the_request_through_with_headers_of_ours():
    response = check(token=claims())

    assert is_allow(response)
    assert told(response) == {"x-pdp-principal": "ada", "x-pdp-action": "read"}
    actions = {each.append_action for each in response.ok_response.headers}
    assert actions == {APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD}


def test_headers_that_could_be_forged_are_taken_away():
    removed = set(check(token=claims(), headers={"X_pdp-Principal": "root"}).ok_response.headers_to_remove)

    assert {"x-user", "x_user", "x-forwarded-user", "x-original-url", "x-http-method-override", "x-team"} <= removed
    # As the request spells it, since many servers take it for ours.
    assert "x_pdp-principal" in removed
    assert "x_pdp_principal" in removed
    assert "x-pdp-principal" not in removed, "Envoy would take away what it has just set"


def test_a_header_of_ours_that_has_nothing_to_say_is_taken_away():
    response = check(options(headers={"x-tenant": "{claim.tenant}"}), token=claims())

    assert told(response) == {}
    assert "x-tenant" in response.ok_response.headers_to_remove


def test_a_header_is_kept_where_the_configuration_says_so():
    removed = check(options(keep_headers=("x-forwarded-host",)), token=claims()).ok_response.headers_to_remove

    assert "x-forwarded-host" not in removed
    assert "x-forwarded-user" in removed


def test_a_header_that_is_removed_is_removed_though_it_said_who_it_is():
    who = PrincipalOption(type="User", id="{header.x-user}", trust_headers=True)

    assert "x-user" in check(options(principal=who), headers={"x-user": "ada"}).ok_response.headers_to_remove


def test_filters_and_logs_are_told_of_the_decision():
    allow, deny = check(token=claims()), check(token=claims("ben"))

    assert allow.dynamic_metadata["decision"] == "allow"
    assert list(allow.dynamic_metadata["rules"]) == ["teams_read"]
    assert allow.dynamic_metadata["revision"] == engine().policy.revision
    assert (deny.dynamic_metadata["decision"], deny.dynamic_metadata["reason"]) == ("deny", "default")


# -------------------------------------------------------------------------------------------------------- obligations


def test_an_obligation_is_fulfilled_by_a_header():
    response = check(token=strong(), **RELEASE)

    assert told(response)["x-audit"] == "high"


def test_an_allow_with_an_obligation_that_nobody_fulfils_is_a_denial():
    response = check(options(obligations={}), token=strong(), **RELEASE)

    assert not is_allow(response)
    assert json.loads(response.denied_response.body)["reason"] == "unhandled_obligation"


def test_an_obligation_without_its_argument_is_not_fulfilled():
    odd = {"audit": ObligationOption(request_headers={"x-audit": "{none}"})}

    response = check(options(obligations=odd), token=strong(), **RELEASE)

    assert not is_allow(response)


def test_an_obligation_may_be_for_the_answer_or_for_filters():
    to_answer = {"audit": ObligationOption(response_headers={"x-audit": "{level}"})}
    to_filters = {"audit": ObligationOption(metadata=True)}

    answer = check(options(obligations=to_answer), token=strong(), **RELEASE)
    filters = check(options(obligations=to_filters), token=strong(), **RELEASE)

    assert [each.header.value for each in answer.ok_response.response_headers_to_add] == ["high"]
    assert is_allow(filters)
    assert filters.dynamic_metadata["obligations"][0]["arguments"]["level"] == "high"


# ------------------------------------------------------------------------------------------------------------ denials


def test_a_denial_is_a_status_with_a_body():
    response = check(token=claims("ben"))

    assert response.denied_response.status.code == 403
    assert json.loads(response.denied_response.body) == {"decision": "deny", "reason": "default", "remedies": []}
    assert told(response) == {"content-type": "application/json", "cache-control": "no-store"}


def test_a_client_is_told_no_more_than_the_configuration_says():
    response = check(options(tell=()), token=claims(), ip="9.9.9.9", **RELEASE)

    assert json.loads(response.denied_response.body) == {"decision": "deny"}


def test_a_client_may_be_told_of_rules():
    forbidden = {"path": "/services/pay/releases", "method": "POST", "headers": {"x-change": "c1"}, "ip": "9.9.9.9"}

    body = json.loads(check(options(tell=("rules", "remedies")), token=strong(), **forbidden).denied_response.body)

    assert [name.rpartition(".")[2] for name in body["determining_rules"]] == ["tier_zero_is_for_the_inside"]
    assert body["remedies"] == [["connect to the company network"]]


def test_a_target_that_can_be_read_in_two_ways_is_a_bad_request():
    response = check(path="/services/a%2fb", token=claims())

    assert response.denied_response.status.code == 400
    assert "encoded slash" in json.loads(response.denied_response.body)["error"]


def test_who_brings_no_token_is_asked_for_one():
    response = check()

    assert response.denied_response.status.code == 401
    assert told(response)["www-authenticate"] == "Bearer"


def test_a_token_with_an_odd_claim_is_not_valid():
    response = check(token=claims(exp="never"))

    assert response.denied_response.status.code == 401
    assert told(response)["www-authenticate"] == 'Bearer error="invalid_token"'


def test_a_realm_is_told_with_it():
    assert told(check(options(realm="shop")))["www-authenticate"] == 'Bearer realm="shop"'


@pytest.mark.parametrize("token", [claims(), claims(amr=["pwd"]), claims(amr=["mfa"], auth_time=NOW - 3 * 10**8)])
def test_where_a_new_sign_in_would_do_the_client_is_asked_for_it(token):
    response = check(token=token, **RELEASE)

    assert response.denied_response.status.code == 401
    assert told(response)["www-authenticate"] == SIGN_IN


def test_where_a_new_sign_in_would_not_do_the_client_is_not_asked_for_it():
    elsewhere = check(token=claims(), **{**RELEASE, "path": "/services/pay/releases", "ip": "9.9.9.9"})
    by_the_owner = check(token=claims(), path="/services/pay/processes", method="PUT")
    nobody = check(token=claims("ben"), **RELEASE)

    assert [each.denied_response.status.code for each in (elsewhere, by_the_owner, nobody)] == [403, 403, 403]


def test_a_session_that_is_over_is_a_token_that_is_not_valid():
    response = check(token=claims(exp=NOW - 3 * 10**8))

    assert response.denied_response.status.code == 401
    assert told(response)["www-authenticate"] == 'Bearer error="invalid_token"'


def test_a_session_that_is_revoked_is_denied_at_once():
    held = engine()
    authorization = Authorization(service(held), options(), identified)
    question = asked(token=claims(jti="t1"))
    before = answered(authorization, question)

    held.revoke(token="t1")

    after = answered(authorization, question)
    assert (is_allow(before), is_allow(after)) == (True, False)
    assert after.denied_response.status.code == 401


def test_a_change_of_facts_changes_the_answer():
    held = engine()
    authorization = Authorization(service(held), options(), identified)
    question = asked(token=claims("ben"))
    before = answered(authorization, question)

    held.upsert_entity(pdp.Entity("User", "ben", {}, parents=[pdp.ref("Team", "platform")]))

    assert (is_allow(before), is_allow(answered(authorization, question))) == (False, True)


# ----------------------------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "message",
    [
        CheckResponse(),
        CheckResponse(status=Status(code=0)),
        CheckResponse(ok_response=OkHttpResponse()),
        CheckResponse(denied_response=DeniedHttpResponse()),
        CheckResponse(status=Status(code=0), denied_response=DeniedHttpResponse()),
        CheckResponse(status=Status(code=7)),
        CheckResponse(status=Status(code=7), ok_response=OkHttpResponse()),
        Allowance(CheckResponse()),
        Allowance(CheckResponse(status=Status(code=7), ok_response=OkHttpResponse())),
        None,
        b"",
        object(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_neither_an_allow_nor_a_denial_is_sent_as_a_denial(message):
    assert serialised(message) == FAILED


def test_what_is_sent_where_all_else_fails_is_a_denial():
    response = CheckResponse.FromString(FAILED)

    assert response.status.code == 7
    assert response.denied_response.status.code == 403


@given(st.binary(max_size=60))
def test_bytes_that_are_no_request_are_denied(data):
    authorization = Authorization(SERVICE, OPTIONS, identified)

    assert not is_allow(answered(authorization, data))


SERVICE, OPTIONS = service(), options()


@pytest.mark.parametrize("status", [0, 99, 200, 204, 302, 399, 600, 1000])
def test_a_denial_has_the_status_of_one(status):
    assert denied(status).denied_response.status.code == 403


@given(st.text())
def test_a_header_is_visible_and_no_two_texts_have_one(text):
    value = header("x", text)

    assert value.isascii() and value.isprintable()
    assert value == value.strip()
    assert msgspec.json.decode(msgspec.json.encode(value)) == value
    assert _decoded(value) == text


@given(st.text(st.characters(), max_size=3), st.text(st.characters(), max_size=3))
def test_two_texts_are_two_headers(one, other):
    assert (header("x", one) == header("x", other)) is (one == other)


def _decoded(value: str) -> str:
    return unquote(value, errors="surrogatepass")


def test_a_header_that_is_too_long_is_refused():
    with pytest.raises(Refused, match="too long"):
        header("x", "a" * 9000)


def test_an_allow_whose_header_cannot_be_set_is_a_denial():
    response = check(options(headers={"x-note": "{claim.note}"}), token=claims(note="a" * 9000))

    assert not is_allow(response)


def test_a_number_that_a_double_does_not_hold_is_told_as_text():
    found = struct({"small": 2**53, "large": 2**53 + 1, "yes": True, "many": [1, "a"]})

    assert found["small"] == 2**53
    assert found["large"] == "9007199254740993"
    assert found["yes"] is True


def test_only_one_function_makes_an_allow():
    reply = allowed(headers={"a": "b"}, remove=["a", "c"], response_headers={}, metadata={})

    assert type(reply) is Allowance
    assert list(reply.message.ok_response.headers_to_remove) == ["c"]
    assert CheckResponse.FromString(serialised(reply)) == reply.message
