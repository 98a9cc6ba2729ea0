"""Tests of policies, as they stand in the policy files."""

from pdp.testing.runner import Case, Result, Runner, run

__all__ = ["Case", "Result", "Runner", "run"]
