"""What is wrong with the section `envoy` is said before it is served, all of it at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.options import Options
from pdp_sidecar.envoy.problems import problems
from tests.sidecar.envoy.scene import engine, identified, options, service

POLICY = engine().policy
GOOD: dict[str, Any] = {
    "name": "one",
    "methods": ["GET"],
    "path": "/services/{name}",
    "action": "read",
    "resource": 'Service "{name}"',
    "context": {"ip": "{ip}"},
}
WHO = {"type": "User", "id": "{claim.sub}"}


def said(**section: Any) -> list[str]:
    """Return what is said of a section with one route, or with those given."""
    whole = {"principal": WHO, "routes": [GOOD], **section}
    section_ = msgspec.convert(whole, Options)
    found = problems(section_, POLICY)
    if not found:
        Authorization(service(), section_, identified)
    return [str(each) for each in found]


def route(**changes: Any) -> dict[str, Any]:
    return {"routes": [{**GOOD, **changes}]}


def test_the_example_holds_up():
    assert problems(options(), POLICY) == []


def test_all_of_it_is_said_at_once():
    found = said(**route(action="raed", resource='Servise "{nam}"'), trusted_hops=-1)

    assert len(found) == 4


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"routes": []},
            "envoy.routes: there is no route, so every request would be denied (help: add [[envoy.routes]])",
        ),
        (
            route(resource='Service "{nmae}"'),
            "envoy.routes[0].resource: `{nmae}` stands for nothing (help: did you mean `name`?)",
        ),
        (route(resource="Service"), "envoy.routes[0].resource: `Service` names no entity: write"),
        (route(resource='Servise "{name}"'), "the policy declares no type `Servise` (help: did you mean `Service`?)"),
        (
            route(action="raed"),
            "envoy.routes[0].action: the policy declares no action `raed` (help: did you mean `read`?)",
        ),
        (route(resource='Team "{name}"'), "`read` is not on `Team`: every request would be denied"),
        (
            {"principal": {"type": "Workload", "id": "{spiffe}"}, **route(action="restart")},
            "envoy.routes[0].action: `restart` is not by `Workload`: every request would be denied",
        ),
        (route(context={}), "envoy.routes[0].context: the context of `read` has `ip`, and the route does not say what"),
        (route(context={"ip": "{ip}", "x": "y"}), "envoy.routes[0].context.x: the context of `read` has no `x`"),
        (route(context={"ip": "{header.X-Ip}"}), "`{header.X-Ip}`: names of headers are lower-case"),
        (route(context={"ip": "{heder.x-ip}"}), "`{heder.x-ip}` stands for nothing (help: did you mean `header`?)"),
        (route(context={"ip": "{ip"}), "a brace without its other half"),
        (route(path="services"), "envoy.routes[0]: `services` does not begin with a slash"),
        (
            route(path="/{ip}", resource='Service "{ip}"'),
            "envoy.routes[0].path: `{ip}` means something else everywhere",
        ),
        (route(methods=["get"]), "envoy.routes[0]: `get` is no method: write one in capitals, as GET"),
        (route(hosts=["Shop.com"]), "envoy.routes[0]: `Shop.com` is no host"),
        (route(action={"PUT": "restart"}), "envoy.routes[0].action: there is no action for GET"),
        (route(action={"PUT": "restart"}), "envoy.routes[0].action.PUT: the route is not for PUT"),
        (
            {"principal": None},
            "envoy.routes[0].principal: route `one` does not say who asks (help: add [envoy.principal])",
        ),
        ({"principal": {**WHO, "type": "Usr"}}, "envoy.principal.type: the policy declares no type `Usr`"),
        ({"principal": {**WHO, "id": "{name}"}}, "envoy.principal.id: `{name}` stands for nothing"),
        (
            {"principal": {**WHO, "id": "{header.x-user}"}},
            "envoy.principal.id: whoever sends the request writes its headers and its query",
        ),
        (
            {"principal": {**WHO, "id": "{query.user}", "trust_headers": True}},
            "envoy.principal.id: nobody who is trusted writes the query",
        ),
        *(
            (
                {"principal": {**WHO, "id": text, "trust_headers": True}},
                "envoy.principal.id: whoever sends the request chooses its path",
            )
            for text in ("{path}", "{host}", "{claim.iss} {method}")
        ),
        (
            route(principal={**WHO, "id": "{name}"}),
            "envoy.routes[0].principal.id: whoever sends the request chooses its path",
        ),
        *(
            ({"token": {"actor": f'Agent "{place}"'}}, f"envoy.token.actor: {why}")
            for place, why in (
                ("{header.x-agent}", "whoever sends the request writes its headers"),
                ("{query.agent}", "nobody who is trusted writes the query"),
                ("{host}", "whoever sends the request chooses its path"),
            )
        ),
        (
            {"principal": {**WHO, "attributes": {"email": "{header.x-email}"}}},
            "envoy.principal.attributes.email: whoever sends the request",
        ),
        (
            {"principal": {**WHO, "attributes": {"emial": "{claim.email}"}}},
            "envoy.principal.attributes.emial: `User` has no attribute `emial` (help: did you mean `email`?)",
        ),
        ({"headers": {"x_user": "a"}}, "envoy.headers.x_user: `x_user` is no name of a header"),
        ({"headers": {"X-User": "a"}}, "`X-User` is no name of a header (help: write it in lower case"),
        ({"headers": {"host": "a"}}, "envoy.headers.host: `host` is not for an answer to set"),
        ({"headers": {":path": "a"}}, "`:path` is no name of a header"),
        (
            {"headers": {"x-user": "{principle.id}"}},
            "`{principle.id}` stands for nothing (help: did you mean `principal`?)",
        ),
        ({"headers": {"x-user": "{principal.name}"}}, "`{principal.name}` names nothing (help: write {principal.id}"),
        ({"headers": {"x-user": "a"}, "keep_headers": ["x-user"]}, "envoy.keep_headers: `x-user` is set or removed"),
        ({"remove_headers": ["X-User"]}, "envoy.remove_headers: `X-User` is no name of a header"),
        ({"trusted_hops": 99}, "envoy.trusted_hops: the number of trusted proxies is from 0 to 16"),
        ({"realm": 'a"b'}, "envoy.realm: a realm is visible ASCII"),
        ({"token": {"payload": ""}}, "envoy.token.payload: the name of the payload"),
        ({"token": {"actor": "Agent"}}, "envoy.token.actor: `Agent` names no entity"),
        ({"token": {"actor": 'Agent "{claim.act.sub}"'}}, "envoy.token.actor: the policy declares no type `Agent`"),
        (
            {"step_up": [{"remedy": "sign in again"}]},
            "envoy.step_up[0].remedy: no rule has the remedy `sign in again`",
        ),
        (
            {"step_up": [{"remedy": "ask the owner", "max_age": "soon"}]},
            "envoy.step_up[0]: a duration is written like 15m",
        ),
        ({"step_up": [{"remedy": "ask the owner", "acr_values": ["a b"]}]}, "an acr is visible ASCII without spaces"),
        (
            {"obligations": {"audti": {"metadata": True}}},
            "the policy declares no obligation `audti` (help: did you mean",
        ),
        ({"obligations": {"audit": {}}}, "envoy.obligations.audit: nothing fulfils the obligation `audit`"),
        (
            {"obligations": {"audit": {"request_headers": {"x-a": "{levle}"}}}},
            "envoy.obligations.audit.request_headers.x-a: `audit` has no argument `levle` (help: did you",
        ),
    ],
)
def test_what_does_not_hold_up_is_said(section, message):
    found = said(**section)

    assert any(message in each for each in found), found


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"path": "/services/pay", "resource": 'Service "pay"'},
        {"hosts": ["shop.example.com"]},
        {"path": "/services/{other}", "resource": 'Service "{other}"'},
    ],
)
def test_a_route_that_nothing_comes_to_is_said(second):
    found = said(routes=[GOOD, {**GOOD, "name": "two", **second}])

    assert found == [
        "envoy.routes[1]: nothing comes to the route `two`: `one`, which stands before it, takes it all "
        "(help: put the narrower route first)"
    ]


@pytest.mark.parametrize(
    "second",
    [
        {"methods": ["PUT"]},
        {"methods": ["GET", "PUT"]},
        {"path": "/services/{name}/"},
        {"path": "/services/{name*}"},
        {"path": "/other/{name}"},
    ],
)
def test_a_route_that_something_comes_to_is_fine(second):
    assert said(routes=[GOOD, {**GOOD, "name": "two", **second}]) == []


def test_two_routes_of_one_name_are_said():
    assert "there are two routes `one`" in said(routes=[GOOD, {**GOOD, "path": "/x/{name}"}])[0]


@pytest.mark.parametrize(
    "section",
    [
        {"rotues": []},
        {"routes": [{**GOOD, "metods": []}]},
        {"token": {"x": 1}},
        {"tell": ["all"]},
        {"trusted_hops": "1"},
    ],
)
def test_an_unknown_key_or_another_type_is_an_error(section):
    with pytest.raises(msgspec.ValidationError):
        said(**section)


def test_without_a_policy_what_needs_none_is_said():
    bad = msgspec.convert({"routes": [GOOD]}, Options)

    assert [each.where for each in problems(bad)] == [("routes", 0, "principal")]


def test_a_token_that_is_verified_here_says_itself_who_it_is_of():
    token = {"verify": True}

    assert said(token=token) == [
        "envoy.principal.id: the token is verified here, and its issuer says who it is of "
        "(help: leave `principal` out, or leave `verify` to a filter of Envoy)"
    ]
    assert said(token=token, principal=None) == []
    assert said(token=token, principal={"type": "User", "id": "{spiffe}"}) == []
