"""The page of the configuration holds every key with its default, and its examples hold up."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pdp.configuration.reading import fields, is_struct, members
from pdp.configuration.secret import Secret
from pdp.syntax.messages import render
from pdp_sidecar.config import ConfigurationError, Flags, load
from pdp_sidecar.config.sections import Options
from tests.sidecar.authorities import Authority

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sidecar-configuration.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \|", re.MULTILINE)
DEPLOY = PAGE.parents[1] / "deploy"
EXAMPLE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# Tables without a default, which are told by what stands in them.
ELSEWHERE = {"tls", "identity", "envoy", "operations.tracing"}


def keys() -> list[tuple[str, str]]:
    """Return every key as the page has it, with its default."""
    return list(dict.fromkeys(_keys(Options, "")))


def _keys(kind: type[msgspec.Struct], above: str) -> Iterator[tuple[str, str]]:
    for name, (info, hint) in fields(kind).items():
        path = f"{above}.{name}" if above else name
        tables, lists = _inside(hint)
        default = _default(info)
        # A table is told by what stands in it, and one that may stand in several places in one of them.
        if path in ELSEWHERE or path.startswith("envoy.routes[].principal"):
            pass
        elif not lists and (not tables or default == "none" or path.startswith("listen.")):
            yield path, default
        if lists and typing.get_origin(members(hint)[0]) is dict:
            yield path, default
        for each in tables:
            if path.startswith("listen."):
                yield from _keys(each, "listen.*")
            elif not path.startswith("envoy.routes[].principal"):
                yield from _keys(each, path)
        for each in lists:
            yield from _keys(each, f"{path}[]")


def _inside(hint: Any) -> tuple[list[Any], list[Any]]:
    kinds = members(hint)
    tables = [each for each in kinds if is_struct(each) and each is not Secret]
    return tables, [inner for each in kinds for inner in typing.get_args(each) if is_struct(inner)]


def _default(info: msgspec.structs.FieldInfo) -> str:
    if info.required:
        return "needed"
    value = info.default_factory() if info.default is msgspec.NODEFAULT else info.default  # type: ignore[operator]
    match value:
        case None | "" | () | []:
            return "none"
        case {}:
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(f"`{each}`" for each in value)
        case float():
            return f"{value:g} s" if value != 1.0 or info.name != "share" else "1"
        case str():
            return f"`{value}`"
        case int():
            return f"{value:,}".replace(",", " ")
        case _:
            return "none" if isinstance(value, dict) else ""


def test_each_key_stands_on_the_page_with_its_default():
    written = ROW.findall(PAGE.read_text("utf-8"))

    assert written == keys()


@pytest.mark.parametrize("example", EXAMPLE.findall(PAGE.read_text("utf-8") if PAGE.exists() else ""))
def test_each_example_holds_up(tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    authority = Authority()
    authority.issue().write(tmp_path, "server")
    (tmp_path / "clients.crt").write_bytes(authority.certificate)
    (tmp_path / "monitor.token").touch(mode=0o600)
    (tmp_path / "monitor.token").write_text("0123456789abcdef\n", "utf-8")
    (tmp_path / "serve.toml").write_text(example, "utf-8")

    found = load(Flags(file=str(tmp_path / "serve.toml")), {})

    assert found.listeners


def test_the_error_on_the_page_is_the_one_that_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("serve.toml").write_text('policies = "policies"\n\n[listen]\ngrcp = "unix:/run/pdp/grpc.sock"\n', "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load(Flags(file="serve.toml"), {})

    assert "\n\n".join(map(render, caught.value.diagnostics)) in PAGE.read_text("utf-8")


def deployed() -> list[str]:
    manifest = yaml.safe_load_all((DEPLOY / "kubernetes" / "sidecar.yaml").read_text("utf-8"))
    maps = [each["data"] for each in manifest if each and each["kind"] == "ConfigMap"]
    return [
        (DEPLOY / "systemd" / "serve.toml").read_text("utf-8"),
        *(text for each in maps for name, text in each.items() if name == "serve.toml"),
    ]


@pytest.mark.parametrize("text", deployed(), ids=["systemd", "kubernetes"])
def test_each_configuration_that_is_deployed_holds_up(tmp_path, text):
    (tmp_path / "serve.toml").write_text(text, "utf-8")

    found = load(Flags(file=str(tmp_path / "serve.toml")), {})

    assert [each.protocol for each in found.listeners] == ["grpc", "frames", "operations"]
