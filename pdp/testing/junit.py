"""Results as JUnit XML, which CI systems show beside a change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from xml.etree import ElementTree

from pdp.syntax.characters import escape
from pdp.testing.runner import Result
from pdp.testing.running import UnitResult
from pdp.testing.suites import Unspecified


def junit(
    results: Iterable[UnitResult], unspecified: Iterable[Unspecified], failure_text: Callable[[Result], str]
) -> str:
    """Return a report with a suite for each file, and a case for each unit.

    A request of a table of which nothing is said is a case that fails.
    """
    files: defaultdict[str, list[UnitResult]] = defaultdict(list)
    silent: defaultdict[str, list[Unspecified]] = defaultdict(list)
    for result in results:
        files[result.unit.file].append(result)
    for each in unspecified:
        silent[each.span.source.path].append(each)
    root = ElementTree.Element("testsuites", name="pdp test")
    for file in sorted({*files, *silent}):
        root.append(_suite(file, files[file], silent[file], failure_text))
    for name in ("tests", "failures"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", _seconds(each.seconds for found in files.values() for each in found))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(
    file: str, results: list[UnitResult], unspecified: list[Unspecified], failure_text: Callable[[Result], str]
) -> ElementTree.Element:
    failed = sum(not result.passed for result in results) + len(unspecified)
    suite = ElementTree.Element(
        "testsuite",
        name=_text(file),
        tests=str(len(results) + len(unspecified)),
        failures=str(failed),
        errors="0",
        skipped="0",
        time=_seconds(result.seconds for result in results),
    )
    for result in results:
        line = _line(result)
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=_text(result.unit.name),
            classname=_text(file),
            file=_text(file),
            line=str(line),
            time=_seconds([result.seconds]),
        )
        if result.failures:
            message = "; ".join(result.failures[0].differences)
            failure = ElementTree.SubElement(case, "failure", message=_text(message), type="test_failed")
            failure.text = _text("\n\n".join(failure_text(each) for each in result.failures))
    for each in unspecified:
        where = {"file": _text(file), "line": str(each.span.line)}
        name = _text(f"{each.test}: {each}")
        case = ElementTree.SubElement(suite, "testcase", {"name": name, "classname": _text(file), "time": "0", **where})
        failure = ElementTree.SubElement(case, "failure", message="nothing is said of it", type="unspecified")
        failure.text = _text(f"{each.span}: {each}")
    return suite


def _line(result: UnitResult) -> int:
    span = result.unit.cases[0].test.span if len(result.unit.cases) != 1 else result.unit.cases[0].expectation.span
    return 1 if span is None else span.line


def _seconds(found: Iterable[float]) -> str:
    return f"{sum(found):.6f}"


def _text(text: str) -> str:
    """Return a text with an escape for each character that XML cannot hold, or that does not print."""
    return "\n".join("".join(escape(char) for char in line) for line in text.split("\n"))
