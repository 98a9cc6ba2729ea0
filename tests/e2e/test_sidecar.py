"""The sidecar is asked with tokens of a real provider."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import pdp
from pdp.identity.proof.proofs import Proofs
from tests.e2e.provider import Provider
from tests.e2e.scene import Scene, until
from tests.e2e.sidecar import EVALUATION, IDENTIFIER, Sidecar, free_port

URL = f"{IDENTIFIER}{EVALUATION}"


@pytest.fixture(scope="module")
def sidecar(provider, tmp_path_factory) -> Iterator[Sidecar]:
    scene = Scene("people", tmp_path_factory.mktemp("people"), provider)
    found = Sidecar(scene)
    yield found
    found.close()
    scene.issuers.close()


def test_a_person_asks_for_herself_with_her_token(provider, sidecar):
    token = provider.sign_in("ada").access_token

    assert sidecar.decides(token, "deploy", "Service:shop-staging")
    assert not sidecar.decides(token, "deploy", "Service:shop")


def test_a_person_asks_for_nobody_else(provider, sidecar):
    answer = sidecar.ask(
        provider.sign_in("bo").access_token, "view", "Service:shop", subject={"type": "User", "id": "ada"}
    )

    assert (answer.status_code, answer.json()["decision"]) == (200, False)
    assert "may not ask for this principal" in answer.text


def test_a_gateway_hands_on_a_token_and_hears_which_sign_in_it_takes(provider, sidecar):
    weak = sidecar.handed_on(provider.sign_in("ada").access_token, "deploy", "Service:shop")
    words = weak["context"]["acr_values"]
    strong = sidecar.handed_on(provider.sign_in("ada", strong="phr" in words).access_token, "deploy", "Service:shop")

    assert weak["decision"] is False
    assert words == ["phr", "phrh"]
    assert weak["context"]["max_age"] == 900
    assert strong["decision"] is True


def test_a_token_that_was_changed_is_unauthorized_and_said_to_be(provider, sidecar):
    head, _, signature = provider.sign_in("bo").access_token.split(".")
    other = provider.sign_in("ada").access_token.split(".")[1]

    answer = sidecar.ask(f"{head}.{other}.{signature}", "view", "Service:shop")

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_change_of_keys_is_seen_by_nobody_who_asks(scene, tmp_path_factory):
    own = Provider(tmp_path_factory.mktemp("rotating"))
    sidecar = Sidecar(scene("people", of=own))
    tokens = [own.sign_in("ada").access_token for _ in range(3)]
    refused: list[str] = []
    asked, over = [0], threading.Event()

    def load() -> None:
        with httpx.Client(base_url=sidecar.url, timeout=30.0) as client:
            while not over.is_set():
                for token in (tokens[-1], tokens[asked[0] % len(tokens)]):
                    answer = sidecar.ask(token, "view", "Service:shop", client=client)
                    if answer.status_code != 200 or answer.json()["decision"] is not True:
                        refused.append(answer.text)
                    asked[0] += 1

    threads = [threading.Thread(target=load) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        # It signs with the next key at once, without having told of it, and not within a cool-down (a second).
        assert until(lambda: asked[0] > 100)
        over.wait(1.0)
        own.have("second", "first")
        for _ in range(5):
            tokens.append(own.sign_in("ada").access_token)
            before = asked[0]
            assert until(lambda before=before: asked[0] > before + 50)
    finally:
        over.set()
        for each in threads:
            each.join()
        sidecar.close()
        own.close()

    assert refused == []


def test_whoever_has_the_key_of_a_token_asks_once_with_each_proof(provider, sidecar):
    proofs = Proofs(ec.generate_private_key(ec.SECP256R1()))
    begun = proofs.make("POST", provider.configuration["token_endpoint"], "")
    token = provider.sign_in("ada", proof=begun).access_token
    proof = proofs.make("POST", URL, token)

    assert sidecar.decides(token, "view", "Service:shop", scheme="DPoP", proof=proof)
    again = sidecar.ask(token, "view", "Service:shop", scheme="DPoP", proof=proof)
    alone = sidecar.ask(token, "view", "Service:shop")

    assert (again.status_code, alone.status_code) == (401, 401)
    assert again.headers["www-authenticate"].startswith("DPoP")


def test_whoever_signs_out_is_out(scene, tmp_path_factory):
    port = free_port()
    own = Provider(tmp_path_factory.mktemp("signing out"), logout=f"http://127.0.0.1:{port}/backchannel-logout")
    sidecar = Sidecar(scene("people", of=own), port)
    try:
        person, elsewhere = own.sign_in("ada"), own.sign_in("ada")
        before = [sidecar.decides(each.access_token, "view", "Service:shop") for each in (person, elsewhere)]

        own.sign_out(person)

        after = sidecar.ask(person.access_token, "view", "Service:shop")
        assert before == [True, True]
        assert after.status_code == 401 and "token_inactive" in after.text
        assert sidecar.decides(elsewhere.access_token, "view", "Service:shop")
    finally:
        sidecar.close()
        own.close()


def test_a_token_that_is_revoked_here_counts_no_more(provider, scene, sidecar):
    token = provider.sign_in("ada").access_token
    assert sidecar.decides(token, "view", "Service:shop")
    who = scene("agent").who(token)

    with pdp.connect(sidecar.socket) as remote:
        remote.revoke(token=who.token_id, issuer=who.issuer, why="it stood in a log")

    answer = sidecar.ask(token, "view", "Service:shop")
    assert answer.status_code == 401 and "token_inactive" in answer.text


def test_no_token_stands_in_what_it_wrote(provider, sidecar):
    sidecar.ask(provider.sign_in("ada").access_token, "deploy", "Service:shop")
    sidecar.ask("eyJ" + provider.sign_in("ada").access_token[4:], "deploy", "Service:shop")

    assert "eyJ" not in sidecar.log
