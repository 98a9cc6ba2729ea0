"""The demo of identities runs, and fails where anything comes out otherwise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "identity"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here, which the demo asks with"),
]


def run(folder: Path, elsewhere: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "demo.py"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sidecar'}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_job_and_a_person_ask_the_sidecar(tmp_path):
    done = run(DEMO, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert '{"decision": true, "reason": "permitted", "rules": ["trunk_ships_to_staging"]}' in done.stdout
    assert '"acr_values": ["phr", "phrh"], "max_age": 900' in done.stdout
    assert "owners_deploy_to_production" in done.stdout
    # It shows no token, it is read by no terminal here, and nothing is left behind.
    assert re.search(r"eyJ[\w-]{20}", done.stdout + done.stderr) is None
    assert "\x1b" not in done.stdout
    assert [*tmp_path.iterdir()] == []


def test_a_demo_that_comes_out_otherwise_fails(tmp_path):
    copy = tmp_path / "identity"
    shutil.copytree(DEMO, copy)
    policy = copy / "people" / "policy.pdp"
    policy.write_text(policy.read_text("utf-8").replace("needs session.mfa and", "needs not session.mfa and"), "utf-8")

    done = run(copy, tmp_path)

    assert done.returncode == 1
    assert "demo.py: production with a password: expected (200, False), found (200, True)" in done.stderr
