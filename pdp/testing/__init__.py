"""Tests of policies, and what helps to test what asks for decisions.

Each name is imported when it is asked for: pytest loads its plugin wherever pdp is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdp.testing.double import StaticDecisions
    from pdp.testing.runner import Case, Result, Runner, run
    from pdp.testing.suites import Suite, collect

_PLACES = {
    "Case": "runner",
    "Result": "runner",
    "Runner": "runner",
    "StaticDecisions": "double",
    "Suite": "suites",
    "collect": "suites",
    "run": "runner",
}

__all__ = ["Case", "Result", "Runner", "StaticDecisions", "Suite", "collect", "run"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
