"""Secrets stand in files that others cannot read, or in the environment."""

from __future__ import annotations

import os

import pytest

from pdp.configuration.secret import LARGEST, Secret, SecretError, read_file


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("s3cret\n")
    return path


def test_a_secret_is_read_from_a_file_without_its_line_end(file):
    assert Secret(file=str(file)).text() == "s3cret"


def test_a_secret_is_read_from_the_environment():
    assert Secret(env="TOKEN").text({"TOKEN": "s3cret"}) == "s3cret"


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_a_secret_that_the_environment_lacks_is_none(environment):
    with pytest.raises(SecretError, match="the environment has no `TOKEN`"):
        Secret(env="TOKEN").text(environment)


@pytest.mark.parametrize("secret", [Secret(), Secret(file="a", env="B")])
def test_a_secret_stands_in_one_place(secret):
    with pytest.raises(SecretError, match="stands in one place"):
        secret.read()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o610, 0o666])
def test_a_file_that_others_can_read_or_write_holds_no_secret(file, mode):
    file.chmod(mode)

    with pytest.raises(SecretError, match="others can read or write") as caught:
        Secret(file=str(file)).read()
    assert caught.value.help == f"`chmod 600 {file}`"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_the_group_may_read_a_secret(file, mode):
    file.chmod(mode)

    assert Secret(file=str(file)).text() == "s3cret"


def test_a_file_of_another_user_holds_no_secret(file, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    if os.getuid() == 0:
        os.chown(file, 12345, -1)

    with pytest.raises(SecretError, match="belongs to another user"):
        Secret(file=str(file)).read()


def test_a_link_to_a_secret_is_followed(file, tmp_path):
    (tmp_path / "link").symlink_to(file)

    assert Secret(file=str(tmp_path / "link")).text() == "s3cret"


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_what_is_no_file_holds_no_secret(tmp_path, name):
    with pytest.raises(SecretError):
        Secret(file=f"{tmp_path}/{name}").read()


def test_nobody_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(SecretError, match="is no regular file"):
        read_file(str(tmp_path / "pipe"))


def test_a_file_has_a_size(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))

    with pytest.raises(SecretError, match="is larger than"):
        read_file(str(tmp_path / "large"))


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"a\x00", b"\xff\xfe", b"a\n\n"])
def test_a_token_is_one_word_and_what_is_none_is_not_shown(file, content):
    file.write_bytes(content)

    with pytest.raises(SecretError) as caught:
        Secret(file=str(file)).text()
    assert "two words" not in str(caught.value)
