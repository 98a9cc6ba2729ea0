"""The file that says whose keys are whose, and the files of keys themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import pdp
from pdp.approvals.keys import Keys
from pdp.approvals.signing import read_key, verify
from pdp.folder import load_sources
from pdp.source import Source
from tests.approvals.places import POLICY, signer

ADA, BO = signer("ada").key, signer("bo").key


def keys_of(tmp_path: Path, text: str) -> Keys:
    path = tmp_path / "keys.json"
    path.write_text(text)
    policy, _ = load_sources([Source("p.pdp", POLICY)]).require()
    return Keys.load(path, policy.schema)


def test_each_key_has_the_owner_that_the_file_says(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, json.dumps({"User:ada": [ADA], 'Agent "helper"': [BO], "User:eve": []}))

    assert keys.owners == {ADA: pdp.ref("User", "ada"), BO: pdp.ref("Agent", "helper")}


def test_another_file_is_another_revision(tmp_path: Path) -> None:
    first, second = (keys_of(tmp_path, json.dumps({name: [ADA]})) for name in ("User:ada", "User:bo"))

    assert first.revision != second.revision


@pytest.mark.parametrize(
    ("text", "code", "message", "shown", "help_"),
    [
        ("", "invalid_json", "the file is empty", "", "write `{}` where nobody has a key"),
        ("[]", "wrong_type", "expected the keys of each by their name, found a list", "[]", "write `{"),
        ('{"User:ada": null}', "null_value", "expected a list of keys, found null", "null", "write `{"),
        ('{"User:ada": [7]}', "wrong_type", "expected a key in quotes, found the number `7`", "7", "write `{"),
        ('{"ada": []}', "invalid_reference", '`ada` names no entity: write `Type "id"` or `Type:id`', '"ada"', ""),
        (
            '{"Usr:ada": []}',
            "invalid_reference",
            "`Usr:ada`: there is no entity type `Usr`",
            '"Usr:ada"',
            "did you mean",
        ),
        ('{"User:ada": [], "User:ada": []}', "duplicate_key", "the key `User:ada` stands twice", '"User:ada"', "keep"),
        ('{"User:ada": ["ed25519:x"]}', "invalid_key", "`ed25519:x` is no public key of Ed25519", '"ed2', "`pdp key"),
        (
            json.dumps({"User:ada": [ADA], "User:bo": [ADA]}),
            "shared_key",
            'User "ada" has this key already',
            f'"{ADA}"',
            "each has a key of their own",
        ),
        (json.dumps({"User:ada": [ADA, ADA]}), "shared_key", "this key stands twice", f'"{ADA}"', "each has"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    tmp_path: Path, text: str, code: str, message: str, shown: str, help_: str
) -> None:
    with pytest.raises(pdp.FactsError) as caught:
        keys_of(tmp_path, text)

    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (code, message)
    assert found.span is not None
    assert found.span.text.startswith(shown)
    assert (found.help or "").startswith(help_)


def test_a_file_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(pdp.FactsError, match="the file cannot be read: no such file or directory"):
        Keys.load(tmp_path / "keys.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519:",
        ADA[8:],
        ADA.upper(),
        ADA + "=",
        ADA.rstrip("="),
        ADA + "\n",
        f" {ADA}",
        ADA[:-2] + "B=",
        f"rsa:{ADA[8:]}",
    ],
)
def test_a_key_is_written_in_one_way(text: str) -> None:
    with pytest.raises(ValueError, match="this is no key"):
        read_key(text)
    assert not verify(text, signer("ada").sign(b"x"), b"x")


# ------------------------------------------------------------------------------------------------------ private keys


def test_a_new_key_is_its_owners_alone_and_read_as_it_was(tmp_path: Path) -> None:
    made = pdp.Signer.create(tmp_path / "key.pem")

    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert verify(made.key, pdp.Signer.load(tmp_path / "key.pem").sign(b"x"), b"x")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    pdp.Signer.create(tmp_path / "key.pem")

    with pytest.raises(pdp.RequestError, match="a key is never written over"):
        pdp.Signer.create(tmp_path / "key.pem")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_could_use_is_refused(tmp_path: Path, mode: int) -> None:
    pdp.Signer.create(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)

    with pytest.raises(pdp.RequestError, match="others may use the file"):
        pdp.Signer.load(tmp_path / "key.pem")


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdp.Signer.create(tmp_path / "key.pem")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(pdp.RequestError, match="belongs to another user"):
        pdp.Signer.load(tmp_path / "key.pem")


def test_what_is_no_key_of_ed25519_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    locked = BestAvailableEncryption(b"secret")
    private = signer("ada")._private
    texts = {
        "this is no private key in PEM": b"nonsense",
        "this is no key of Ed25519": other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "locked by a password": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
    }
    path = tmp_path / "key.pem"

    for message, text in texts.items():
        path.write_bytes(text)
        path.chmod(0o600)

        with pytest.raises(pdp.RequestError, match=message):
            pdp.Signer.load(path)
