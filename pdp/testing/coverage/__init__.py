"""Coverage: which rules, scopes, clauses and operands the tests of a policy show at work, each in both outcomes."""

from pdp.testing.coverage.points import Kind, Mark, Point
from pdp.testing.coverage.recorder import Coverage, Seen
from pdp.testing.coverage.report import FileReport, Marks, Report

__all__ = ["Coverage", "FileReport", "Kind", "Mark", "Marks", "Point", "Report", "Seen"]
