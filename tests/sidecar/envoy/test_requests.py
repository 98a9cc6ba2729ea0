"""Requests of HTTP as questions, and what keeps one from being asked."""

from __future__ import annotations

import pytest

import pdp
from pdp.values import Datetime, EntityRef
from pdp_sidecar.envoy.mapping import Requests
from pdp_sidecar.envoy.options import Options, PrincipalOption, RouteOption, TokenOption
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.envoy.templates import Template
from tests.sidecar.envoy.scene import NOW, attributes, claims, options

ADA = PrincipalOption(type="User", id="{claim.sub}")


def asked(option: Options, **named):
    requests = Requests(option)
    return requests.question(requests.asked(attributes(**named))).request


def context(text: str, **named):
    """Return what one attribute of the context comes to, and nothing where it is left out."""
    route = RouteOption(
        name="one", path="/a/{x}", resource='Service "{x}"', action="read", principal=ADA, context={"it": text}
    )
    named = {"path": "/a/b", "token": claims(), **named}
    return asked(Options(routes=(route,)), **named).context.get("it")


def session(option: TokenOption | None = None, **more):
    """Return the session of a token with such claims."""
    changed = options() if option is None else options(token=option)
    return asked(changed, token=claims(**more)).session


def refused(option: Options | None = None, **named) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        asked(option or options(), **named)
    return refusal.value.status, refusal.value.why


# ------------------------------------------------------------------------------------------------- who, what, on what


def test_a_request_is_asked_as_its_route_says():
    request = asked(
        options(), path="/services/pay/releases", method="POST", headers={"x-change": "c1"}, token=claims("ada")
    )

    assert request.principal == EntityRef("User", "ada")
    assert (request.action, request.resource) == ("deploy", EntityRef("Service", "pay"))
    assert request.context == {"ip": "127.0.0.1", "change": "c1"}
    assert request.session == {"issuer": "https://login.example.com"}


def test_a_method_has_an_action_of_its_own():
    put = asked(options(), path="/services/pay/processes", method="PUT", token=claims())
    get = asked(options(), path="/services/pay/processes", token=claims())

    assert (put.action, get.action) == ("restart", "read")


@pytest.mark.parametrize(
    "named",
    [
        {"path": "/other"},
        {"path": "/services/pay/"},
        {"path": "/Services/pay"},
        {"path": "/services/pay", "method": "POST"},
        {"path": "/services/pay", "method": "get"},
        {"path": "/services/pay", "host": "other.example.com"},
        {"path": "/services/pay/processes", "method": "DELETE"},
    ],
)
def test_what_no_route_matches_is_not_asked(named):
    assert refused(token=claims(), **named) == (403, "no_route")


def test_the_first_route_that_matches_is_the_one():
    routes = tuple(
        RouteOption(name=name, path=path, resource='Service "x"', action=name, principal=ADA)
        for name, path in (("fixed", "/a/b"), ("any", "/a/{x}"))
    )

    assert asked(Options(routes=routes), path="/a/b", token=claims()).action == "fixed"
    assert asked(Options(routes=routes), path="/a/c", token=claims()).action == "any"


def test_what_the_path_has_is_a_part_of_the_id_and_of_nothing_else():
    request = asked(options(), path="/services/x%22%20in%20Service%20%22y", token=claims())

    assert request.resource == EntityRef("Service", 'x" in Service "y')


def test_places_that_a_value_would_shift_are_refused():
    route = RouteOption(name="one", path="/{a}/{b}", resource='Service "{a}:{b}"', action="read", principal=ADA)

    assert asked(Options(routes=(route,)), path="/x/y:z", token=claims()).resource.id == "x:y:z"
    assert refused(Options(routes=(route,)), path="/x:y/z", token=claims()) == (400, "ambiguous_text")


# -------------------------------------------------------------------------------------------------------- principals


def test_who_has_no_token_is_nobody():
    assert refused(token=None) == (401, "no_principal")


@pytest.mark.parametrize("subject", ["", 7, True, None, ["ada"], {"id": "ada"}])
def test_a_subject_that_is_no_text_is_nobody(subject):
    assert refused(token=claims(subject)) == (401, "no_principal")


def test_a_token_of_another_issuer_is_none():
    assert refused(token={**claims(), "iss": "https://evil.example.com"}) == (401, "no_principal")


def test_headers_of_the_client_name_nobody():
    forged = {"x-user": "root", "authorization": "Bearer x", "sub": "root", "x-jwt-payload": "e30"}

    assert refused(headers=forged) == (401, "no_principal")


def test_a_proxy_that_is_trusted_names_somebody_in_a_header():
    who = PrincipalOption(type="User", id="{header.x-user}", trust_headers=True)

    assert asked(options(principal=who), headers={"x-user": "ada"}).principal.id == "ada"
    assert refused(options(principal=who)) == (401, "no_principal")
    assert refused(options(principal=who), headers={"x-user": "ada,root"}) == (400, "several_values")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("spiffe://example.org/monitor", True),
        ("spiffe://example.org/ns/a/sa/b", True),
        ("spiffe://example.org", False),
        ("spiffe://example.org/", False),
        ("spiffe://example.org//monitor", False),
        ("spiffe://example.org/a/../monitor", False),
        ("spiffe://Example.org/monitor", False),
        ("spiffe://example.org/monitor?x", False),
        ("spiffe://user@example.org/monitor", False),
        ("CN=spiffe://example.org/monitor", False),
        ("monitor.example.org", False),
        ("", False),
    ],
)
def test_a_certificate_is_of_a_workload_by_its_spiffe_id(name, counts):
    if counts:
        assert asked(options(), host="shop.internal", spiffe=name).principal == EntityRef("Workload", name)
    else:
        assert refused(host="shop.internal", spiffe=name) == (401, "no_principal")


def test_what_is_known_of_a_principal_comes_along():
    who = PrincipalOption(type="User", id="{claim.sub}", attributes={"email": "{claim.email}", "x": "{claim.none}"})

    request = asked(options(principal=who), token=claims(email="ada@example.com"))

    assert request.principal == pdp.Entity("User", "ada", {"email": "ada@example.com"})


# ----------------------------------------------------------------------------------------------------------- sessions


def test_the_claims_of_a_token_are_a_session():
    found = session(
        iat=NOW, exp=NOW + 600, auth_time=NOW - 60, amr=["pwd", "mfa"], acr="phr", jti="t1", sid="s1", other=1
    )

    assert found == {
        "issued_at": Datetime(NOW * 1_000_000),
        "expires_at": Datetime((NOW + 600) * 1_000_000),
        "authenticated_at": Datetime((NOW - 60) * 1_000_000),
        "methods": ["pwd", "mfa"],
        "mfa": True,
        "acr": "phr",
        "issuer": "https://login.example.com",
        "token_id": "t1",
        "session_id": "s1",
    }


def test_what_a_token_does_not_say_is_not_known():
    assert session() == {"issuer": "https://login.example.com"}


@pytest.mark.parametrize(
    ("said", "mfa"),
    [
        ({"amr": []}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": ["mfa"]}, True),
        ({"amr": ["pwd"], "acr": "phr"}, True),
        ({"acr": "phr"}, True),
        ({"acr": "1"}, None),
        ({}, None),
    ],
)
def test_several_factors_are_told_by_methods_or_by_the_class(said, mfa):
    assert session(TokenOption(mfa_acr=("phr",)), **said).get("mfa") is mfa


@pytest.mark.parametrize(
    "odd",
    [
        *(
            {name: value}
            for name in ("iat", "exp", "auth_time")
            for value in ("1", True, [], 1e300, float("nan"), -1e20)
        ),
        *({name: value} for name in ("jti", "sid", "acr") for value in (1, True, ["x"], {"a": 1})),
        *({"amr": value} for value in ("mfa", ["mfa", 1], {"mfa": True}, True)),
    ],
    ids=str,
)
def test_a_claim_that_is_not_of_its_type_is_no_session(odd):
    assert refused(token=claims(**odd)) == (401, "odd_claim")


def test_the_session_of_a_token_is_of_nobody_that_the_token_does_not_name():
    request = asked(options(), host="shop.internal", spiffe="spiffe://example.org/monitor", token=claims(amr=["mfa"]))

    assert request.session is None


def test_whoever_acts_for_a_principal_is_the_actor_of_its_session():
    found = session(TokenOption(actor='Agent "{claim.act.sub}"'), act={"sub": "bot"})

    assert found["actor"] == EntityRef("Agent", "bot")


@pytest.mark.parametrize("option", [TokenOption(), TokenOption(actor='Agent "{claim.act.sub}"')])
@pytest.mark.parametrize("act", [{}, {"sub": ""}, "bot", True, [], {"sub": 1}, {"other": "bot"}])
def test_an_actor_that_cannot_be_told_is_not_taken_for_the_principal(option, act):
    assert refused(options(token=option), token=claims(act=act)) == (403, "unknown_actor")


# ------------------------------------------------------------------------------------------------------------ context


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fixed", "fixed"),
        ("{x}", "b"),
        ("{method} {path} {host}", "GET /a/b shop.example.com"),
        ("{header.x-one}", "1"),
        ("{header.x-none}", None),
        ("a{header.x-none}", None),
        ("{header.x-one|int}", 1),
        ("{header.x-yes|bool}", True),
        ("{header.x-many|list}", ["a", "b"]),
        ("{header.x-many|joined}", "a, b"),
        ("{header.x-zero|int}", "01"),
        ("{header.x-yes|int}", "true"),
        ("{query.q}", "x y"),
        ("{query.twice|list}", ["1", "2"]),
        ("{query.none}", None),
        ("{claim.deep.er}", 1),
        ("{claim.deep}", {"er": 1}),
        ("{claim.half}", 0.5),
        ("{claim.https://x.io/roles}", ["r"]),
        ("{claim.none.er}", None),
        ("{claim.sub.er}", None),
        ("{extension.policy}", None),
        ("{ip}", "127.0.0.1"),
        ("{spiffe}", None),
    ],
)
def test_a_text_of_the_context_is_what_the_request_brings(text, value):
    headers = {"x-one": "1", "x-yes": "true", "x-many": "a, b", "x-zero": "01"}
    token = claims(deep={"er": 1}, half=0.5, **{"https://x.io/roles": ["r"]})

    found = context(text, path="/a/b?q=x+y&twice=1&twice=2", headers=headers, token=token)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["{header.x-many}", "{query.twice}"])
def test_several_values_are_refused_where_one_is_meant(text):
    with pytest.raises(Refused, match="there are several values"):
        context(text, path="/a/b?twice=1&twice=1", headers={"x-many": "a,b"})


def test_headers_that_envoy_sends_one_by_one_are_told_apart():
    requests = Requests(options())
    given = attributes(path="/services/pay/releases", method="POST", token=claims())
    for value in (b"c1", b"c2"):
        given.request.http.header_map.headers.add(key="X-Change", raw_value=value)

    with pytest.raises(Refused, match="several values"):
        requests.question(requests.asked(given))


def test_a_header_that_is_no_text_is_refused():
    requests = Requests(options())
    given = attributes(path="/services/pay/releases", method="POST", token=claims())
    given.request.http.header_map.headers.add(key="x-change", raw_value=b"\xff")

    with pytest.raises(Refused, match="not UTF-8"):
        requests.question(requests.asked(given))


@pytest.mark.parametrize(
    ("hops", "forwarded", "ip"),
    [
        (0, "9.9.9.9", "127.0.0.1"),
        (1, "9.9.9.9", "9.9.9.9"),
        (1, "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        (2, "6.6.6.6, 8.8.8.8, 9.9.9.9", "8.8.8.8"),
        (2, "9.9.9.9", None),
        (1, None, None),
        (1, "9.9.9.9, ", None),
        (1, "9.9.9.9:80", None),
        (1, "10.0.0.0/8", None),
        (1, "unknown", None),
        (1, "::ffff:9.9.9.9", "9.9.9.9"),
        (1, "2001:DB8::1", "2001:db8::1"),
    ],
)
def test_the_address_is_that_of_the_connection_or_of_a_proxy_that_is_trusted(hops, forwarded, ip):
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}

    request = asked(options(trusted_hops=hops), token=claims(), headers=headers)

    assert request.context.get("ip") == ip


# ---------------------------------------------------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a brace without"),
        ("a}b", "a brace without"),
        ("{a{b}}", "a brace without"),
        ("{}", "names nothing"),
        ("{A}", "names nothing"),
        ("{.x}", "names nothing"),
        ("{header.}", "names nothing"),
        ("{header.X-User}", "lower-case"),
        ("{x|int}", "names nothing"),
        ("{header.x|float}", "no form"),
        ("{a}{b}", "nothing between them"),
        ("n{header.x|int}", "no text into a text"),
    ],
)
def test_what_is_no_template_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Template.of(text)
