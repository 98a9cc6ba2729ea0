"""The commands take tokens of a real provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.e2e.scene import Scene


@pytest.fixture
def people(scene) -> Scene:
    return scene("people")


def run(*words: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run a command of pdp that reads a token from its input."""
    command = [sys.executable, "-m", "pdp", *words, "--token-file", "-"]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        command, input=token, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_whoami_tells_who_signed_in_and_how(provider, people):
    token = provider.sign_in("ada", strong=True).access_token

    done = run("whoami", str(people.folder), "--identity", str(people.identity), "--json", token=token)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["principal"] == 'User "ada"'
    assert told["issuer"] == provider.issuer
    assert token not in done.stdout


def test_the_exit_status_is_the_answer(provider, people):
    asked = ("decide", str(people.folder), "deploy", "Service:shop", "--identity", str(people.identity))

    weak = run(*asked, token=provider.sign_in("ada").access_token)
    strong = run(*asked, token=provider.sign_in("ada", strong=True).access_token)

    assert (weak.returncode, strong.returncode) == (2, 0), weak.stderr + strong.stderr
    assert "sign in again with a second factor" in weak.stdout


def test_a_token_that_was_changed_is_a_deny(provider, people):
    head, _, signature = provider.sign_in("bo").access_token.split(".")
    other = provider.sign_in("ada", strong=True).access_token.split(".")[1]
    asked = ("decide", str(people.folder), "deploy", "Service:shop", "--identity", str(people.identity))

    done = run(*asked, token=f"{head}.{other}.{signature}")

    assert done.returncode == 2
    assert "the signature of the token is not that of its issuer" in done.stderr
