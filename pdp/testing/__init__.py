"""Tests of policies, as they stand in the policy files."""

from pdp.testing.blocks import Failure, run

__all__ = ["Failure", "run"]
