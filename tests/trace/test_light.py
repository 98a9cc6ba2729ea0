"""Whoever only decides pays nothing for what explains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DECIDE = """
import sys, pdp
engine = pdp.Engine.load("examples/delivery")
asked = pdp.ref("User", "ada"), "restart", pdp.ref("Service", "pay")
engine.allows(*asked), engine.decide(*asked), engine.decide(*asked, {"ip": 7})
print(*sorted(each for each in sys.modules if each.startswith(("pdp.flips", "pdp.trace"))))
"""


def test_nothing_that_decides_imports_what_explains():
    done = subprocess.run([sys.executable, "-c", DECIDE], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_what_explains_is_imported_when_it_is_asked_for():
    code = DECIDE.replace("print(", "engine.explain(pdp.Request(*asked))\nprint(")

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {"pdp.flips.search", "pdp.trace.building"} <= {*done.stdout.split()}
    assert "pdp.trace.page" not in done.stdout.split()
