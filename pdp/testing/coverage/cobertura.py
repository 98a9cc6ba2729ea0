"""Coverage as XML in the format of Cobertura, which GitLab and others read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from pdp.cli.terminal import plain
from pdp.testing.coverage.points import Kind, Mark
from pdp.testing.coverage.report import FileReport, Marks, Report

_HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">\n'
)


def cobertura(report: Report, *, root: str = ".", timestamp: int = 0, version: str = "") -> str:
    """Write a report as Cobertura's XML. `root` is the policy folder, and `timestamp` in seconds since the epoch.

    Each point is a condition of its line. A file is a class, and its rules are the methods.
    """
    lines = [_hits(marks) for file in report.files for marks in file.by_line().values()]
    top = ET.Element(
        "coverage",
        _rates(lines, report)
        | {
            "lines-covered": str(sum(lines)),
            "lines-valid": str(len(lines)),
            "branches-covered": str(report.covered),
            "branches-valid": str(report.wanted),
            "complexity": "0",
            "version": plain(f"pdp {version}".rstrip()),
            "timestamp": str(timestamp),
        },
    )
    ET.SubElement(ET.SubElement(top, "sources"), "source").text = plain(root or ".")
    packages = ET.SubElement(top, "packages")
    package = ET.SubElement(packages, "package", {"name": "policies"} | _rates(lines, report) | {"complexity": "0"})
    classes = ET.SubElement(package, "classes")
    for file in report.files:
        _class(classes, file)
    ET.indent(top)
    return f"{_HEAD}{ET.tostring(top, encoding='unicode')}\n"


def _class(parent: ET.Element, file: FileReport) -> None:
    path, points = plain(file.path), file.by_line()
    rates = _rates([_hits(marks) for marks in points.values()], file)
    node = ET.SubElement(parent, "class", {"name": path, "filename": path} | rates | {"complexity": "0"})
    methods, owned = ET.SubElement(node, "methods"), _by_owner(file)
    for mark in file.of_kind(Kind.RULE).marks:
        rates = _rates([_hits([mark])], Marks(marks=tuple(owned[mark.point.owner])))
        method = {"name": plain(mark.point.owner), "signature": ""} | rates | {"complexity": "0"}
        _line(ET.SubElement(ET.SubElement(methods, "method", method), "lines"), mark.point.line, [mark])
    lines = ET.SubElement(node, "lines")
    for number, marks in points.items():
        _line(lines, number, marks)


def _by_owner(file: FileReport) -> dict[str, list[Mark]]:
    found: dict[str, list[Mark]] = {}
    for mark in file.marks:
        found.setdefault(mark.point.owner, []).append(mark)
    return found


def _line(parent: ET.Element, number: int, marks: Sequence[Mark]) -> None:
    whole = Marks(marks=tuple(marks))
    line = {
        "number": str(number),
        "hits": str(_hits(marks)),
        "branch": "true",
        "condition-coverage": f"{_whole_percent(whole)}% ({whole.covered}/{whole.wanted})",
    }
    conditions = ET.SubElement(ET.SubElement(parent, "line", line), "conditions")
    for at, mark in enumerate(marks):
        one = f"{_whole_percent(Marks(marks=(mark,)))}%"
        ET.SubElement(conditions, "condition", {"number": str(at), "type": "jump", "coverage": one})


def _hits(marks: Sequence[Mark]) -> int:
    return int(any(mark.reached for mark in marks))


def _whole_percent(marks: Marks) -> int:
    return marks.covered * 100 // marks.wanted if marks.wanted else 100


def _rates(lines: Sequence[int], marks: Marks) -> dict[str, str]:
    return {"line-rate": _rate(sum(lines), len(lines)), "branch-rate": _rate(marks.covered, marks.wanted)}


def _rate(covered: int, wanted: int) -> str:
    """Return a part as a number with four places, cut off, so that 1 is all."""
    parts = covered * 10_000 // wanted if wanted else 10_000
    return "1" if parts == 10_000 else f"0.{parts:04}"
