"""People sign in at a real provider; what they may is decided by what their tokens say."""

from __future__ import annotations

import pdp
from pdp.identity.stepup import StepUps
from tests.e2e.provider import LEGACY

SHOP, STAGING = pdp.ref("Service", "shop"), pdp.ref("Service", "shop-staging")


def test_a_person_who_signed_in_is_known_by_the_token(provider, scene):
    person = provider.sign_in("ada", strong=True)

    who = scene("people").who(person.access_token)

    assert who.ref == pdp.ref("User", "ada")
    assert (who.issuer, who.subject) == (provider.issuer, "ada")
    assert who.session["mfa"] is True
    assert who.session["acr"] == "phr"
    assert sorted(who.session["methods"]) == ["hwk", "mfa", "pwd"]
    assert who.token_id is not None


def test_production_takes_a_second_factor_and_is_deployed_with_one(provider, scene):
    found = scene("people")

    weak = found.decide(provider.sign_in("ada").access_token, "deploy", SHOP)
    strong = found.decide(provider.sign_in("ada", strong=True).access_token, "deploy", SHOP)

    assert [each.texts for each in weak.remedies] == [("sign in again with a second factor",)]
    assert not weak
    assert strong
    assert strong.determining_rules == ("owners_deploy_to_production",)


def test_the_sign_in_that_a_deny_asks_for_is_one_that_the_provider_has(provider, scene):
    found = scene("people")
    denied = found.decide(provider.sign_in("ada").access_token, "deploy", SHOP)

    asked = StepUps(found.engine.policy).of(denied, found.issuers.words(provider.issuer))

    assert asked is not None
    assert asked.max_age == 900
    (words,) = set(asked.acr_values) & set(provider.configuration["acr_values_supported"])
    assert found.decide(provider.sign_in("ada", strong=words == "phr").access_token, "deploy", SHOP)


def test_somebody_else_with_a_second_factor_deploys_nothing(provider, scene):
    assert not scene("people").decide(provider.sign_in("bo", strong=True).access_token, "deploy", STAGING)


def test_an_id_token_is_no_access_token(provider, scene):
    assert scene("people").refusal(provider.sign_in("ada").id_token) == "wrong_type"


def test_a_token_for_another_service_is_refused(provider, scene):
    assert scene("people").refusal(provider.sign_in("ada", resource=LEGACY).access_token) == "wrong_audience"


def test_both_algorithms_of_the_provider_are_taken(provider, scene):
    found = scene("people")
    found.issuers.close()
    text = found.identity.read_text("utf-8")
    found.identity.write_text(text.replace('"https://api.example.org"', f'"https://api.example.org", "{LEGACY}"'))
    both = type(found.issuers).load(found.identity)

    by = {
        both.identify(token).claims["aud"]
        for token in (provider.sign_in("ada").access_token, provider.sign_in("ada", resource=LEGACY).access_token)
    }

    both.close()
    assert by == {"https://api.example.org", LEGACY}


def test_a_token_that_was_changed_is_refused(provider, scene):
    header, claims, signature = provider.sign_in("bo").access_token.split(".")
    other = provider.sign_in("ada").access_token.split(".")[1]
    found = scene("people")

    assert found.refusal(f"{header}.{other}.{signature}") == "wrong_signature"
    assert found.who(f"{header}.{claims}.{signature}").ref == pdp.ref("User", "bo")
