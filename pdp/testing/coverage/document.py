"""Coverage as plain data, for `--json`."""

from __future__ import annotations

from typing import Any

from pdp.testing.coverage.points import UNKNOWN, Kind, Mark
from pdp.testing.coverage.report import FileReport, Marks, Report


def to_json(report: Report) -> dict[str, Any]:
    """Return a report as plain data: sums, files, and each point with what was seen and what was not."""
    return {
        **_sums(report),
        "kinds": {str(kind): _sums(report.of_kind(kind)) for kind in Kind if report.of_kind(kind).marks},
        "files": [_file(file) for file in report.files],
    }


def _sums(marks: Marks) -> dict[str, Any]:
    return {"percent": float(marks.percent), "covered": marks.covered, "wanted": marks.wanted}


def _file(file: FileReport) -> dict[str, Any]:
    return {"path": file.path, **_sums(file), "points": [_point(mark) for mark in file.marks]}


def _point(mark: Mark) -> dict[str, Any]:
    point = mark.point
    line, column = point.span.source.position(point.span.start)
    return {
        "kind": str(point.kind),
        "owner": point.owner,
        "text": point.text,
        "line": line,
        "column": column,
        "covered": [point.word(each) for each in point.outcomes if each not in mark.missing],
        "missing": [point.word(each) for each in mark.missing],
        "unknown": bool(mark.seen & UNKNOWN),
        "remark": mark.remark,
    }
