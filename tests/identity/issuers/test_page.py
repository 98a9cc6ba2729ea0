"""The page of the configuration holds every key with its default, and its examples hold up."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pdp import Engine
from pdp.configuration import ConfigurationError
from pdp.configuration.reading import fields, is_struct, members
from pdp.configuration.secret import Secret
from pdp.identity.loading import load
from pdp.identity.options import Options
from pdp.syntax.messages import render

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "identity-configuration.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \|", re.MULTILINE)
EXAMPLE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REST = """
[[issuers]]
issuer = "https://id.example.org"
profile = "access-token"
audience = ["a"]
lifetime = 60
algorithms = ["RS256"]
keys = { discovery = true }
"""


def keys(kind: type[msgspec.Struct], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key as the page has it, with its default."""
    for name, (info, hint) in fields(kind).items():
        path = f"{above}.{name}" if above else name
        kinds = [each for each in members(hint) if is_struct(each) and each is not Secret]
        inner = [each for one in members(hint) for each in typing.get_args(one) if is_struct(each)]
        for each in kinds:
            yield from keys(each, path)
        for each in inner:
            yield from keys(each, f"{path}[]")
        if not kinds and not inner:
            yield path, default(info)


def default(info: msgspec.structs.FieldInfo) -> str:
    if info.required:
        return "needed"
    value: Any = info.default_factory() if info.default is msgspec.NODEFAULT else info.default
    match value:
        case None | () | {}:
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(f"`{each}`" for each in value)
        case float():
            return f"{value:g} s"
        case str():
            return f"`{value}`"
        case _:
            return f"{value:,}".replace(",", " ")


def test_each_key_stands_on_the_page_with_its_default():
    written = ROW.findall(PAGE.read_text("utf-8"))

    assert sorted(written) == sorted(keys(Options))


@pytest.mark.parametrize("example", EXAMPLE.findall(PAGE.read_text("utf-8")))
def test_each_example_holds_up(tmp_path, example):
    (tmp_path / "identity.toml").write_text(example, "utf-8")

    assert load(tmp_path / "identity.toml", environment={}).options.issuers


def example_of(text: str) -> str:
    """Return an example of the other page as a whole file: some show one table of an issuer."""
    if text.startswith("[["):
        return text
    principal = "" if "[issuers.principal]" in text else 'principal = { type = "User", id = "sub" }\n'
    rest = REST.replace("keys = { discovery = true }\n", "") if "[issuers.keys]" in text else REST
    return f"{rest}{principal}{text}"


SECRET = re.compile(r'"(/[^"]*)"')


# What follows shows tables of which some lines are left out, and secrets of machines.
WHOLE = (DOCS / "identity.md").read_text("utf-8").partition("## What a token has to be")[0]


@pytest.mark.parametrize("example", EXAMPLE.findall(WHOLE))
def test_each_example_of_the_other_page_holds_up(tmp_path, example):
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "secret").write_text("s3cret-of-a-client")
    text = SECRET.sub(f'"{tmp_path / "secret"}"', example_of(example))
    (tmp_path / "identity.toml").write_text(text, "utf-8")

    found = load(tmp_path / "identity.toml", environment={"INTROSPECTION": "s3cret"}).options

    assert found.issuers or found.workloads


def test_the_error_on_the_page_is_the_one_that_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("identity.toml").write_text(f'{REST}principal = {{ type = "Usr", id = "sub" }}\n'.lstrip(), "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load("identity.toml", environment={}, schema=Engine.from_text("type User").policy.schema)

    assert "\n\n".join(map(render, caught.value.diagnostics)) in PAGE.read_text("utf-8")
