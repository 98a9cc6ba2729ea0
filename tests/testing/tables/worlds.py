"""The small world of these tests, and how tables about it are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdp import terms
from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing.runner import Result, Runner
from pdp.testing.tables import Tables, read_sources

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("mistakes.json").read_text("utf-8"))
WORLD: str = DATA["world"]
FIXTURES: str = DATA["fixtures"]


def policy_of(text: str = WORLD) -> terms.Policy:
    policy, _ = load_sources([Source("p.pdp", text)]).require()
    return policy


POLICY = policy_of()


def read(text: str, name: str = "t.test.yaml", fixtures: str | None = FIXTURES, **others: str) -> Tables:
    files = {"p.pdp": WORLD, name: text, **others}
    if fixtures is not None:
        files["fixtures.yaml"] = fixtures
    return read_sources([Source(path, each) for path, each in files.items()], POLICY)


def run(tables: Tables, policy: terms.Policy = POLICY) -> list[Result]:
    assert [str(each) for each in tables.diagnostics] == []
    return [*Runner(policy).run(tables.tests)]


def told(results: list[Result]) -> list[tuple[str, tuple[str, ...]]]:
    return [(asked(result), result.differences) for result in results]


def asked(result: Result) -> str:
    found = result.case.expectation
    return f"{found.principal.id} {found.action} {found.resource.id}"


def silent(tables: Tables) -> list[str]:
    return [f"{each.principal.id} {each.action} {each.resource.id}" for each in tables.unspecified]


def table(**fields: object) -> str:
    """Return a file of one table. JSON is YAML."""
    return json.dumps({"tests": [{"name": "t", **fields}]})


def file_of(shared: Mapping[str, object], **fields: object) -> str:
    return json.dumps({**shared, "tests": [{"name": "t", **fields}]})
