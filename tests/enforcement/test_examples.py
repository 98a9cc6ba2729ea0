"""The programs of examples/enforcement do what their README says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from enforcement.web import ask

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "enforcement"
NAMES = ("guard", "callers", "asgi_app", "fastapi_app")
PASSWORD, KEY, BEN = ({"authorization": f"Bearer {each}"} for each in ("ada-with-password", "ada-with-key", "ben"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a program as if it were run from its folder, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)


def test_the_guarded_function_prints_what_the_readme_shows(load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shown = (FOLDER / "README.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]

    load("guard").main()

    assert capsys.readouterr().out == shown


CASES = [
    ("GET", "/health", {}, 200, None),
    ("GET", "/services/pay", {}, 401, None),
    ("GET", "/services/pay", {"authorization": "Bearer forged"}, 401, None),
    ("GET", "/services/pay", BEN, 403, None),
    ("GET", "/services/pay", PASSWORD, 200, None),
    ("POST", "/services/pay-staging/deploy/c1", PASSWORD, 200, []),
    ("POST", "/services/pay/deploy/c1", PASSWORD, 403, []),
    ("POST", "/services/ledger/deploy/c1", KEY, 403, ["#audit: c1, deny"]),
    ("POST", "/services/pay/deploy/c1", KEY, 200, ["#releases: c1, allow", "recorded: c1"]),
    ("POST", "/services/unknown/deploy/c1", KEY, 403, []),
]


@pytest.mark.parametrize("name", ["asgi_app", "fastapi_app"])
@pytest.mark.parametrize(("method", "path", "headers", "status", "log"), CASES)
def test_an_application_answers(
    load: Any, name: str, method: str, path: str, headers: dict[str, str], status: int, log: list[str] | None
) -> None:
    module = load(name)

    answer = ask(module.app, method, path, headers=headers)

    assert answer.status_code == status
    if log is not None:
        assert [line for line in module.LOG if not line.startswith("deploying")] == log


def test_a_path_that_nobody_thought_of_is_denied(load: Any) -> None:
    app = load("asgi_app").app

    assert ask(app, "DELETE", "/services/pay", headers=KEY).status_code == 403
    assert ask(app, "GET", "/services/pay/", headers=KEY).status_code == 403
    assert ask(app, "GET", "/health/../services/pay", headers=BEN).status_code == 403


def test_both_applications_say_what_it_would_take(load: Any) -> None:
    path = "/services/pay/deploy/c1"

    asgi = ask(load("asgi_app").app, "POST", path, headers=PASSWORD).json()
    fastapi = ask(load("fastapi_app").app, "POST", path, headers=PASSWORD).json()

    assert asgi["remedies"] == fastapi["detail"]["remedies"] == [{"needs": ["sign in again with a second factor"]}]


def test_the_answer_of_the_bare_application_comes_in_parts(load: Any) -> None:
    assert ask(load("asgi_app").app, "GET", "/services/pay", headers=KEY).text == "by engineers_read"


def test_openapi_of_the_application_shows_its_denials(load: Any) -> None:
    paths = load("fastapi_app").app.openapi()["paths"]

    assert "403" in paths["/services/{name}"]["get"]["responses"]
    assert "403" not in paths["/health"]["get"]["responses"]
