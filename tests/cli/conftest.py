"""Commands, run in this process or in one of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pdp.cli.commands import commands

ROOT = Path(__file__).resolve().parents[2]

POLICY = """
type Team
type User in Team
type Workload
type Agent
enum Stage { staging, production }
type Service { stage: Stage, owner: Team }
context { ip: Ip, office?: Bool }
session { actor?: Agent }
action read on Service by User, Workload
action deploy on Service by User, Workload with { change: String, size?: Int }
obligation notify { channel: String, urgent: Bool }

grant reader on Service "shop" to Team "support" standing because "support answers for the shop"
role reader on Service: read

rule owners_deploy:
  permit User to deploy on Service
  when principal in resource.owner
  needs session.mfa else "sign in with a second factor"
  needs approval of context.change from Team "release" for 1h
  oblige notify { channel: "#ops", urgent: true }
  recheck every 5m

rule from_inside:
  forbid anyone to deploy on Service
  when resource.stage == production
  unless context.ip in 10.0.0.0/8 else "connect to the company network"
  because "production is deployed from inside"
"""

ENTITIES: dict[str, Any] = {
    "entities": [
        {"type": "User", "id": "ada", "in": ['Team "shop"']},
        {"type": "User", "id": "bo", "in": ['Team "release"']},
        {"type": "User", "id": "sam", "in": ['Team "support"']},
        {"type": "Service", "id": "beta", "attributes": {"stage": "staging", "owner": 'Team "shop"'}},
        {"type": "Service", "id": "shop", "attributes": {"stage": "production", "owner": 'Team "shop"'}},
    ]
}

AT = "2026-11-23T09:00:00Z"
INSIDE = '{"ip": "10.1.2.3", "change": "c1"}'
OUTSIDE = '{"ip": "192.0.2.1", "change": "c1"}'
APPROVED = '[{"approver": "User:bo", "at": "2026-11-23T08:30:00Z", "of": "c1"}]'
SIGNED_IN = '{"mfa": true}'
ALLOWED = ["User:ada", "deploy", "Service:beta", "--context", INSIDE, "--session", SIGNED_IN, "--approvals", APPROVED]

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*arguments: str | Path, stdin: str | bytes | None = None, **options: Any) -> Result:
        result = CliRunner().invoke(
            commands, [str(each) for each in arguments], input=stdin, prog_name="pdp", **options
        )
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A policy folder with a need, an approval, an obligation, a forbid and a grant."""
    path = tmp_path / "policies"
    path.mkdir()
    (path / "policy.pdp").write_text(POLICY, encoding="utf-8")
    (path / "entities.json").write_text(json.dumps(ENTITIES), encoding="utf-8")
    return path


@pytest.fixture
def decide(run: Run, folder: Path) -> Run:
    """Ask the folder, at a fixed time."""

    def ask(*arguments: str, at: str | None = AT, **options: Any) -> Result:
        return run("decide", folder, *arguments, *(["--at", at] if at else []), **options)

    return ask


def start(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m pdp` in a process of its own."""
    return python("-m", "pdp", *arguments, env=env, cwd=cwd, **options)


def python(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run the interpreter with this checkout on its path."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **(env or {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=whole, cwd=cwd, stdin=subprocess.DEVNULL, check=False, **options
    )
