"""The demo of the sidecar runs, and its page shows what it prints."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar.envoy.mesh import BINARY

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "sidecar" / "demo.py"
PAGE = ROOT / "docs" / "sidecar.md"
_BLOCK = re.compile(r"^```text demo( envoy)?\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here, which the demo asks with")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, DEMO, *options], capture_output=True, text=True, timeout=300, check=False, cwd=ROOT
    )


def test_the_demo_comes_out_as_its_page_has_it():
    envoy = ["--envoy", str(BINARY)] if BINARY.exists() else []

    done = run(*envoy)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = [lines for needs, lines in _BLOCK.findall(PAGE.read_text("utf-8")) if envoy or not needs]
    assert shown
    for line in "".join(shown).splitlines():
        assert line in done.stdout.splitlines()


def test_a_demo_that_comes_out_otherwise_fails(tmp_path):
    shutil.copytree(DEMO.parent, tmp_path / "examples" / "sidecar")
    policy = tmp_path / "examples" / "sidecar" / "policies" / "orders.pdp"
    policy.write_text(policy.read_text("utf-8").replace("<= 100", "<= 10"), "utf-8")

    done = subprocess.run(
        [sys.executable, tmp_path / "examples" / "sidecar" / "demo.py"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 1
    assert "demo.py: a refund of 40: expected True, found False" in done.stderr
