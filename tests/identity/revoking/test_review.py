"""A service account's token counts when its cluster says exactly that, for an audience that was asked for."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.configuration.secret import Secret
from pdp.errors import TokenError
from pdp.identity.options import ReviewOptions
from pdp.identity.revoking import confirmers
from tests.identity.revoking.revoked import Noted
from tests.identity.revoking.test_introspection import json_values, options

SUB = "system:serviceaccount:shop:deployer"
UID = "7f3b6b2e-0000-4000-8000-000000000001"
CLAIMS = {
    "iss": "https://kubernetes.default.svc",
    "sub": SUB,
    "jti": "t-1",
    "kubernetes.io": {"namespace": "shop", "pod": {"name": "deployer-1", "uid": UID}},
}
USER = {"username": SUB, "uid": "u-1", "extra": {"authentication.kubernetes.io/pod-uid": [UID]}}
STATUS = {"authenticated": True, "user": USER, "audiences": ["https://api.example.org"]}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWER", "token-of-pdp")


def outcome(status: Any, claims: Any = CLAIMS, revoker: Noted | None = None, code: int = 201) -> str:
    def answered(request: httpx.Request) -> httpx.Response:
        return httpx.Response(code, json={"kind": "TokenReview", "status": status})

    asked = options(introspection=None, review=ReviewOptions(token=Secret(env="REVIEWER")))
    (confirmer,) = confirmers.of(asked, revoker=revoker, transport=httpx.MockTransport(answered))
    try:
        confirmer.confirm("a.b.c", claims)
    except TokenError as error:
        return error.code
    finally:
        confirmer.close()
    return "counts"


def test_a_token_that_its_cluster_knows_counts():
    assert outcome(STATUS) == "counts"
    assert outcome(STATUS, code=200) == "counts"


def test_the_token_is_sent_with_the_audience_that_it_has_to_be_for():
    seen: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"status": STATUS})

    asked = options(introspection=None, review=ReviewOptions(url="https://k8s/", token=Secret(env="REVIEWER")))
    (confirmer,) = confirmers.of(asked, transport=httpx.MockTransport(answered))
    confirmer.confirm("a.b.c", CLAIMS)
    confirmer.close()

    (request,) = seen
    assert str(request.url) == "https://k8s/apis/authentication.k8s.io/v1/tokenreviews"
    assert request.headers["authorization"] == "Bearer token-of-pdp"
    assert json.loads(request.content) == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": "a.b.c", "audiences": ["https://api.example.org"]},
    }


def test_outside_of_a_pod_there_is_no_token_to_ask_with():
    (confirmer,) = confirmers.of(options(introspection=None, review=ReviewOptions(url="http://127.0.0.1:1")))

    with pytest.raises(TokenError) as caught:
        confirmer.confirm("a.b.c", CLAIMS)
    confirmer.close()

    assert caught.value.code == "token_unconfirmed"
    assert confirmer.problem is not None
    assert "/var/run/secrets/kubernetes.io/serviceaccount/token" in confirmer.problem


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"authenticated": False},
        {"user": {}, "error": "[invalid bearer token, service account token has been invalidated]"},
    ],
)
def test_a_token_that_its_cluster_does_not_take_is_refused_and_revoked(status):
    revoker = Noted()

    assert outcome(status, revoker=revoker) == "token_inactive"
    assert revoker.told == [{"token": "t-1", "issuer": "https://kubernetes.default.svc"}]


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        {"authenticated": "true"},
        {"authenticated": 1},
        {"error": "etcdserver: request timed out"},
        {"authenticated": False, "error": ["x"]},
        STATUS | {"audiences": []},
        STATUS | {"audiences": ["https://kubernetes.default.svc"]},
        STATUS | {"audiences": "https://api.example.org"},
        {"authenticated": True, "user": USER},
        STATUS | {"user": USER | {"username": "system:serviceaccount:shop:other"}},
        STATUS | {"user": {}},
        STATUS | {"user": "x"},
        STATUS | {"user": USER | {"extra": {}}},
        STATUS | {"user": USER | {"extra": {"authentication.kubernetes.io/pod-uid": ["another"]}}},
        STATUS | {"user": USER | {"extra": {"authentication.kubernetes.io/pod-uid": UID}}},
        STATUS | {"user": {"username": SUB}},
    ],
)
def test_what_does_not_say_so_confirms_nothing_and_revokes_nothing(status):
    revoker = Noted()

    assert outcome(status, revoker=revoker) == "token_unconfirmed"
    assert revoker.told == []


@pytest.mark.parametrize("code", [200 + 2, 401, 403, 500])
def test_another_status_confirms_nothing(code):
    assert outcome(STATUS, code=code) == "token_unconfirmed"


def test_a_token_that_is_bound_to_no_pod_needs_none():
    claims = {name: value for name, value in CLAIMS.items() if name != "kubernetes.io"}

    assert outcome(STATUS | {"user": {"username": SUB}}, claims) == "counts"


@given(status=st.fixed_dictionaries({}, optional=dict.fromkeys(("authenticated", "user", "audiences"), json_values)))
def test_whatever_is_answered_only_an_authenticated_token_counts(status):
    assert outcome(status) in {"token_inactive", "token_unconfirmed"}
