"""The provider is asked whether a token still counts (RFC 7662), and says that one was revoked (RFC 7009)."""

from __future__ import annotations

import pytest

import pdp
from tests.e2e.provider import SECRETS, Provider
from tests.e2e.scene import Scene

STAGING = pdp.ref("Service", "shop-staging")


@pytest.fixture
def asking(provider, scene, tmp_path) -> Scene:
    return scene("people", introspection(provider, tmp_path))


def introspection(provider: Provider, folder) -> str:
    secret = folder / "secret"
    secret.write_text(SECRETS["pdp"])
    secret.chmod(0o600)
    return f"""
[issuers.introspection]
url = "{provider.configuration["introspection_endpoint"]}"
client_id = "pdp"
client_secret = {{ file = "{secret}" }}
keep = 0
ca = "{provider.ca}"
"""


def test_a_token_that_counts_is_taken(provider, asking):
    person = provider.sign_in("ada")

    assert asking.decide(person.access_token, "deploy", STAGING)
    assert asking.decide(person.access_token, "deploy", STAGING)


def test_a_token_that_the_provider_revoked_is_refused(provider, asking):
    token = provider.sign_in("ada").access_token
    asking.who(token)

    provider.revoke(token, "app")

    assert asking.refusal(token) == "token_inactive"


def test_a_machine_whose_token_was_revoked_is_refused(provider, asking):
    token = provider.token()
    asking.who(token)

    provider.revoke(token)

    assert asking.refusal(token) == "token_inactive"


def test_what_was_identified_before_is_denied_from_then_on(provider, asking):
    asking.issuers.revoke_by(asking.engine)
    token = provider.sign_in("ada").access_token
    before = asking.who(token)
    assert asking.decide_about(before, "deploy", STAGING)

    provider.revoke(token, "app")
    asking.refusal(token)

    decision = asking.decide_about(before, "deploy", STAGING)
    assert not decision
    assert decision.reason is pdp.Reason.SESSION_REVOKED


def test_others_of_the_same_person_are_taken_on(provider, asking):
    one, other = provider.sign_in("ada").access_token, provider.sign_in("ada").access_token

    provider.revoke(one, "app")

    assert asking.refusal(one) == "token_inactive"
    assert asking.who(other).subject == "ada"


def test_nobody_is_taken_while_the_provider_does_not_answer(tmp_path, tmp_path_factory, scene):
    own = Provider(tmp_path_factory.mktemp("gone"))
    found = scene("people", introspection(own, tmp_path), of=own)
    token = own.token()
    found.who(token)

    own.close()

    assert found.refusal(token) == "token_unconfirmed"
