"""Who asks, and for whom."""

from __future__ import annotations

import hashlib

import pytest

import pdp
from pdp_sidecar.callers import Bound, Callers, Peer, caller

CI, SHOP, OURS = caller("ci"), caller("shop"), caller("ours")
CALLERS = Callers(
    by_uid={1000: OURS},
    by_identity=(("spiffe://example.org/ci/*", CI), ("spiffe://example.org/shop", SHOP)),
    by_token={hashlib.sha256(b"secret").digest(): SHOP},
)


@pytest.mark.parametrize(
    ("peer", "who"),
    [
        (Peer(uid=1000), OURS),
        (Peer(uid=1001), None),
        (Peer(identities=("spiffe://example.org/shop",)), SHOP),
        (Peer(identities=("spiffe://example.org/ci/build/7",)), CI),
        (Peer(identities=("spiffe://example.org/ci",)), None),
        (Peer(identities=("spiffe://example.org/ci/",)), None),
        (Peer(identities=("spiffe://example.org/shop/x",)), None),
        (Peer(identities=("spiffe://example.org/shop", "spiffe://example.org/ci/x")), None),
        (Peer(token="secret"), SHOP),
        (Peer(token="Secret"), None),
        (Peer(token="secret "), None),
        (Peer(token=""), None),
        (Peer(token="\ud800"), None),
        (Peer(uid=1000, token="wrong"), None),
        (Peer(), None),
    ],
)
def test_a_peer_is_who_it_shows_to_be(peer, who):
    assert CALLERS.of(peer) is who


def test_whoever_shows_nothing_is_who_the_callers_say():
    callers = Callers(otherwise=OURS)

    assert callers.of(Peer()) is OURS
    assert callers.of(Peer(token="unknown")) is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("User", [("User", "ada"), ("User", "")], [("Users", "ada"), ("Workload", "ada")]),
        ("User:ada", [("User", "ada")], [("User", "adam"), ("User", "")]),
        ('User "ada*"', [("User", "ada"), ("User", "adam")], [("User", "ad")]),
        ("Photos::User", [("Photos::User", "ada")], [("Photos", ":User"), ("User", "ada")]),
        ('Photos::User::"a*"', [("Photos::User", "ada")], [("Photos::User", "ben"), ("Photos", 'User::"ada"')]),
        ("Workload:spiffe://x/*", [("Workload", "spiffe://x/y")], [("Workload", "spiffe://x")]),
    ],
)
def test_principals_are_named_by_type_by_id_or_by_how_it_begins(text, inside, outside):
    bound = Bound.parse(text)

    assert all(bound.holds(pdp.ref(*each)) for each in inside)
    assert not any(bound.holds(pdp.ref(*each)) for each in outside)


def test_an_entity_that_a_request_brings_is_asked_for_by_its_name():
    ada = pdp.Entity("User", "ada", {"email": "ben@example.com"})

    assert caller("x", principals=["User:ada"]).may_ask_for(ada)
    assert not caller("x", principals=["User:ben"]).may_ask_for(ada)


@pytest.mark.parametrize("text", ["", "User:", "User.", ":ada", 'User "ada', "a b:c"])
def test_what_names_no_principal_is_refused(text):
    with pytest.raises(ValueError, match=r"names no|the id is empty"):
        Bound.parse(text)
