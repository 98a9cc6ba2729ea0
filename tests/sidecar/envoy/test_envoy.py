"""The example of deploy/envoy, in the real Envoy: `make envoy-test` brings it."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp_sidecar.callers import Callers
from pdp_sidecar.envoy.options import ObligationOption, RouteOption
from pdp_sidecar.rpc.identity import Identities
from tests.sidecar.envoy.mesh import BINARY, Mesh
from tests.sidecar.envoy.scene import DEPLOY, options, service
from tests.sidecar.envoy.test_targets import ODD, PLAIN

pytestmark = pytest.mark.skipif(
    not BINARY.exists(), reason="there is no Envoy here: `make envoy-test` brings one, or PDP_ENVOY names it"
)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    both = ObligationOption(request_headers={"x-audit": "{level}"}, response_headers={"x-audited": "{level}"})
    headers = {**options().headers, "x-policy": "{extension.policy}", "x-decided": "{path}"}
    every = RouteOption(name="all", path="/all/{rest*}", action="read", resource="Service:docs", context={"ip": "{ip}"})
    section = options(obligations={"audit": both}, headers=headers, routes=(*options().routes, every))
    found = Mesh(tmp_path_factory.mktemp("mesh"), service(), section)
    yield found
    found.close()


def names(told) -> dict[str, list[str]]:
    """Return the headers that reached the workload, by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in told.reached["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def strong(mesh: Mesh) -> str:
    return mesh.token(amr=["mfa"], auth_time=int(time.time()) - 5)


# ---------------------------------------------------------------------------------------------------- allow and deny


def test_an_allow_reaches_the_workload_which_is_told_who_asks(mesh):
    told = mesh.ask("/services/pay?full=1")

    assert told.status == 200
    assert told.reached["target"] == "/services/pay?full=1"
    assert names(told)["x-pdp-principal"] == ["ada"]
    assert names(told)["x-pdp-action"] == ["read"]


def test_a_deny_does_not_reach_the_workload(mesh):
    told = mesh.ask(token=mesh.token("ben"))

    assert (told.status, told.reached) == (403, None)
    assert json.loads(told.body) == {"decision": "deny", "reason": "default", "remedies": []}
    assert told.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({"target": "/other"}, 403),
        ({"method": "DELETE"}, 403),
        ({"host": "other.example.com"}, 403),
        ({"host": "SHOP.example.com:8080"}, 200),
        ({"token": None}, 401),
        ({"token": "x.y.z"}, 401),
    ],
)
def test_what_no_route_is_for_and_who_is_nobody_is_denied(mesh, named, status):
    told = mesh.ask(**named)

    assert told.status == status
    assert (told.reached is None) is (status != 200)


def test_a_token_of_another_issuer_or_one_that_ran_out_is_none(mesh):
    assert mesh.ask(token=mesh.token(iss="https://evil.example.com")).status == 401
    assert mesh.ask(token=mesh.token(exp=int(time.time()) - 3600)).status == 401


def test_a_token_without_an_end_is_none(mesh):
    assert mesh.ask(token=mesh.token(exp=None)).status == 401


def test_a_change_of_facts_changes_the_answer(mesh):
    engine = mesh.service.engine
    before = mesh.ask(token=mesh.token("cleo"))

    engine.upsert_entity(pdp.Entity("User", "cleo", {}, parents=[pdp.ref("Team", "platform")]))
    during = mesh.ask(token=mesh.token("cleo"))
    engine.revoke(principal=pdp.ref("User", "cleo"))
    after = mesh.ask(token=mesh.token("cleo"))

    assert [each.status for each in (before, during, after)] == [403, 200, 403]


def test_what_the_route_of_envoy_says_and_what_it_is_told_comes_through(mesh):
    told = mesh.ask(listener="bare", headers=("x-policy: none",))

    assert names(told)["x-policy"] == ["strict"]
    assert names(told)["x-decision"] == ["allow"]
    assert "x-policy" not in names(mesh.ask(headers=("x-policy: none",)))


# ----------------------------------------------------------------------------------------------------------- step-up


def test_where_a_new_sign_in_would_do_the_client_is_asked_for_it(mesh):
    release = {"target": "/services/docs/releases", "method": "POST", "headers": ("x-change: c1",)}

    weak, strong_ = mesh.ask(**release), mesh.ask(**release, token=strong(mesh))

    assert weak.status == 401
    assert weak.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="phr", max_age="900"'
    )
    assert json.loads(weak.body)["remedies"] == [["sign in again with a second factor"]]
    assert strong_.status == 200
    assert names(strong_)["x-audit"] == ["high"]
    assert strong_.headers["x-audited"] == "high"


# ------------------------------------------------------------------------------------------------------------ forgery


FORGED = (
    "x-pdp-principal: root",
    "X-PDP-Principal: root",
    "x-pdp-action: delete",
    "x-audit: none",
    "x-user: root",
    "X-Forwarded-User: root",
    "x-forwarded-host: admin.example.com",
    "x-original-url: /admin",
    "x-rewrite-url: /admin",
    "x-http-method-override: DELETE",
    "x-team: platform",
    "x-fine: kept",
)


@pytest.mark.parametrize("listener", ["front", "bare"])
def test_headers_that_the_client_forged_do_not_reach_the_workload(mesh, listener):
    told = mesh.ask(headers=FORGED, listener=listener)

    found = names(told)
    assert told.status == 200
    assert found["x-pdp-principal"] == ["ada"]
    assert found["x-pdp-action"] == ["read"]
    assert found["x-fine"] == ["kept"]
    assert {"x-audit", "x-user", "x-forwarded-user", "x-forwarded-host", "x-original-url", "x-team"}.isdisjoint(found)
    assert "x-http-method-override" not in found
    assert "root" not in json.dumps(told.reached)


def test_names_that_servers_take_for_ours_do_not_reach_the_workload(mesh):
    underscored = ("x_pdp_principal: root", "X_Pdp-Principal: root", "x_user: root", "x-forwarded_user: root")

    told = mesh.ask(headers=underscored, listener="bare")

    assert told.status == 200
    assert "root" not in json.dumps(told.reached)
    assert mesh.ask(headers=underscored).status == 400


def test_headers_cannot_be_had_removed_by_a_connection_header(mesh):
    told = mesh.ask(headers=("connection: x-pdp-principal, x-audit",))

    assert told.status in (200, 400)
    if told.status == 200:
        assert names(told)["x-pdp-principal"] == ["ada"]


def test_the_address_is_not_what_the_client_says(mesh):
    """From the outside, tier zero may not be changed; the client cannot say that it comes from the inside."""
    release = {"target": "/services/pay/releases", "method": "POST", "token": strong(mesh)}

    told = mesh.ask(**release, headers=("x-change: c1", "x-forwarded-for: 9.9.9.9"))

    assert told.status == 200, "the connection comes from this machine"


@pytest.mark.parametrize("listener", ["front", "bare"])
def test_a_header_with_two_values_is_refused_where_one_is_meant(mesh, listener):
    release = {"target": "/services/docs/releases", "method": "POST", "token": strong(mesh)}
    two = ("x-change: c1", "x-change: c2")

    told = mesh.ask(**release, headers=two, listener=listener)
    one = mesh.ask(**release, headers=two[:1], listener=listener)

    assert (told.status, told.reached) == (400, None)
    assert one.status == 200


def test_a_name_of_somebody_cannot_break_out_of_a_header(mesh):
    mesh.service.engine.upsert_entity(
        pdp.Entity("User", "Zoë\r\nx-admin: 1", {}, parents=[pdp.ref("Team", "platform")])
    )

    told = mesh.ask(token=mesh.token("Zoë\r\nx-admin: 1"))

    assert told.status == 200
    assert names(told)["x-pdp-principal"] == ["Zo%C3%AB%0D%0Ax-admin: 1"]
    assert "x-admin" not in names(told)


# -------------------------------------------------------------------------------------------------------------- paths


TRICKS = [
    "//services/pay",
    "/services//pay",
    "/services/./pay",
    "/services/x/../pay",
    "/services/%2e%2e/services/pay",
    "/services/pay/..;/pay",
    "/services/pay;x=1",
    "/services%2fpay",
    "/services%2Fpay",
    "/services%5cpay",
    "/services\\pay",
    "/services/%252e%252e/pay",
    "/services/pay%00",
    "/services/pay%",
    "/services/%c0%ae%c0%ae/pay",
    "/services/%ff",
    "/services/pay#x",
    "/services/pay%23x",
    "/services/pay%3fx",
    "http://shop.example.com/services/pay",
    "http://evil.example.com/services/pay",
    "http:////services/pay",
    "*",
    "services/pay",
    "/services/pa\ty",
    "/services/pa\x7fy",
    "/services/%E2%80%A5/pay",
]


@pytest.mark.parametrize("listener", ["front", "bare"])
@pytest.mark.parametrize("target", TRICKS)
def test_the_workload_sees_the_path_that_was_decided_for(mesh, target, listener):
    """Everything but `/services/pay` is denied; whatever else is let through, the workload sees just that path."""
    told = mesh.ask(target, listener=listener)

    assert told.status in (200, 400, 403, 404)
    if told.status == 200:
        assert told.reached["target"] == "/services/pay"
        assert dict(map(tuple, told.reached["headers"]))["host"] == "shop.example.com"
    if listener == "bare":
        # Envoy itself reads the absolute form (RFC 9112, 3.2.2).
        assert (told.status == 200) is (target == "http://shop.example.com/services/pay")


@given(st.lists(PLAIN | ODD, max_size=6).map("".join), st.sampled_from(["front", "bare"]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_let_through_the_workload_sees_the_path_that_was_decided_for(mesh, tail, listener):
    told = mesh.ask(f"/all/{tail}", listener=listener)

    if told.status == 200:
        seen = told.reached["target"].partition("?")[0]
        assert unquote(seen) == unquote(names(told)["x-decided"][0])
        assert ".." not in seen.split("/")
        assert seen.startswith("/all/")


# ------------------------------------------------------------------------------------------------------ certificates


def tls(mesh: Mesh, certificate: tuple | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=mesh.authority.certificate.decode())
    # What Python asks of an authority since 3.13 is not what is tried here.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def test_a_workload_is_who_its_certificate_says(mesh):
    monitor = tls(mesh, mesh.certificate("spiffe://example.org/monitor"))
    other = tls(mesh, mesh.certificate("spiffe://example.org/other"))
    plain = tls(mesh, mesh.certificate())
    inside = {"host": "shop.internal", "token": None, "listener": "tls"}

    answers = [mesh.ask(**inside, tls=who) for who in (monitor, other, plain)]

    assert [each.status for each in answers] == [200, 403, 401]
    assert names(answers[0])["x-pdp-principal"] == ["spiffe://example.org/monitor"]


def test_without_a_certificate_no_workload_is_anybody(mesh):
    assert mesh.ask(host="shop.internal", token=None).status == 401
    assert (
        mesh.ask(host="shop.internal", headers=("x-forwarded-client-cert: URI=spiffe://example.org/monitor",)).status
        == 401
    )


# ------------------------------------------------------------------------------------------------- what goes wrong


def test_an_exception_is_a_denial(mesh):
    def fail(*_):
        raise MemoryError("no")

    decide = mesh.service.engine.decide
    mesh.service.engine.decide = fail
    try:
        told = mesh.ask()
    finally:
        mesh.service.engine.decide = decide

    assert (told.status, told.reached) == (403, None)
    assert json.loads(told.body)["reason"] == "internal_error"
    assert mesh.ask().status == 200


def test_a_proxy_that_may_not_ask_lets_nothing_through(mesh):
    identify = mesh.identify
    mesh.identify = Identities(mesh.service, Callers()).of
    try:
        told = mesh.ask()
    finally:
        mesh.identify = identify

    assert (told.status, told.reached) == (403, None)


@pytest.mark.parametrize("error", [RuntimeError, KeyError])
def test_what_raises_before_there_is_an_answer_lets_nothing_through(mesh, error):
    def fail(_):
        raise error("no")

    identify = mesh.identify
    mesh.identify = fail
    try:
        told = mesh.ask()
    finally:
        mesh.identify = identify

    assert (told.status, told.reached) == (403, None)


def test_a_sidecar_that_is_late_lets_nothing_through(mesh):
    errors = mesh.counter("ext_authz.error")
    mesh.shut()
    try:
        told = mesh.ask(listener="hasty")
    finally:
        mesh.open()

    assert (told.status, told.reached) == (403, None)
    assert mesh.counter("ext_authz.error") > errors
    assert mesh.counter("ext_authz.failure_mode_allowed") == 0


def test_a_sidecar_that_ends_in_the_middle_lets_nothing_through(mesh):
    mesh.shut()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mesh.ask)
        assert mesh.until(lambda: mesh.waiting > 0)
        mesh.stop_sidecar()
        told = waiting.result()
    mesh.open()
    mesh.start_sidecar()

    assert (told.status, told.reached) == (403, None)
    assert mesh.until(lambda: mesh.ask().status == 200)


def test_a_sidecar_that_is_gone_lets_nothing_through_until_it_is_back(mesh):
    mesh.stop_sidecar()
    gone = mesh.ask()
    mesh.start_sidecar()

    assert (gone.status, gone.reached) == (403, None)
    assert mesh.until(lambda: mesh.ask().status == 200)


# ----------------------------------------------------------------------------------------------------------- the page


PAGE = (DEPLOY.parents[1] / "docs" / "envoy.md").read_text("utf-8")
EXCHANGES = re.findall(r"^```http\n(.*?)\n\n(.*?)^```$(?:\n\n^```http reached\n(.*?)^```$)?", PAGE, re.M | re.S)


@pytest.mark.parametrize(("request_", "answer", "reached"), EXCHANGES, ids=range(len(EXCHANGES)))
def test_the_page_shows_what_a_client_sees(mesh, request_, answer, reached):
    first, *lines = request_.splitlines()
    method, target, _ = first.split(" ")
    given = dict(line.split(": ", 1) for line in lines)
    token = mesh.token("ada") if given.pop("authorization", None) == "Bearer <ada>" else None
    head, _, body = answer.partition("\n\n")
    status, *headers = head.splitlines()

    host = given.pop("host")
    told = mesh.ask(target, method=method, host=host, token=token, headers=[": ".join(each) for each in given.items()])

    assert told.status == int(status.split(" ")[0])
    assert dict(line.split(": ", 1) for line in headers).items() <= told.headers.items()
    assert told.reached is not None if reached else told.body.decode() == body.strip()
    for line in reached.splitlines():
        name, value = line.split(": ")
        assert names(told)[name] == [value]


def test_the_page_shows_exchanges():
    assert len(EXCHANGES) == 4
