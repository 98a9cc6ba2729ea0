"""What the page about AuthZEN shows is what is sent and heard."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

import pdp
from pdp_sidecar.authzen.options import Options
from tests.sidecar.authzen.serving import serving

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "authzen.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?P<language>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FENCES = list(FENCE.finditer(PAGE))
EXCHANGES = [fence["text"].rstrip("\n") for fence in FENCES if fence["language"] == "http"]
PAIRS = list(zip(EXCHANGES[::2], EXCHANGES[1::2], strict=True))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for fence in FENCES:
        if fence["file"]:
            path = folder / fence["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(fence["text"], encoding="utf-8")
    settings = next(fence["text"] for fence in FENCES if fence["language"] == "toml")
    options = msgspec.convert(tomllib.loads(settings)["authzen"], Options)
    with serving(pdp.Engine.load(folder / "policies", cache="off"), options) as found:
        yield found


def parts(text):
    """Return the first line, the headers and the body of a message."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    return first, dict(line.split(": ", 1) for line in lines), body


def hidden(shown, found):
    """Return what was found, without what the page leaves out."""
    if shown == "…":
        return shown if isinstance(found, str) and found else found
    if isinstance(shown, dict) and isinstance(found, dict):
        return {name: hidden(shown.get(name), value) for name, value in found.items()}
    if isinstance(shown, list) and isinstance(found, list) and len(shown) == len(found):
        return [hidden(*pair) for pair in zip(shown, found, strict=True)]
    return found


@pytest.mark.parametrize(("sent", "heard"), PAIRS, ids=range(len(PAIRS)))
def test_what_is_shown_is_heard(served, sent, heard):
    first, headers, body = parts(sent)
    method, path = first.split()
    answer = served.client.request(method, path, headers=headers, content=body.encode())

    status, told, shown = parts(heard)

    assert status == f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"
    assert answer.headers["content-type"] == told["Content-Type"]
    if answer.headers["content-type"] == "application/json":
        assert hidden(json.loads(shown), answer.json()) == json.loads(shown)
    else:
        assert answer.text == shown


def test_every_option_is_told_with_its_default():
    table = PAGE.partition("## Options")[2]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))

    assert len(PAIRS) >= 8
    assert named == [*Options.__struct_fields__]
