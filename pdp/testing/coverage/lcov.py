"""Coverage in the format of LCOV, which most editors and code hosts read."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.cli.terminal import plain
from pdp.testing.coverage.points import HOLDS, Kind, Mark
from pdp.testing.coverage.report import FileReport, Report


def lcov(report: Report, *, root: str = "") -> str:
    """Write a report as LCOV. `root` is the policy folder as seen from where the report is read, such as `policies`.

    A line counts as run where tests reached any point of it. Each point is a block of its line, and each outcome that
    is wanted of it a branch. Rules are functions, which ran where they applied.
    """
    return "".join(f"{line}\n" for file in report.files for line in _file(file, root))


def below(root: str, path: str) -> str:
    """Return the path of a file, from where the report is read."""
    folder = root.replace("\\", "/").rstrip("/")
    if not folder:
        return f"/{path}" if root else path
    return path if folder == "." else f"{folder.removeprefix('./')}/{path}"


def _file(file: FileReport, root: str) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{plain(below(root, file.path))}"
    yield from _functions([mark for mark in file.marks if mark.point.kind is Kind.RULE])
    yield from _branches(file)
    lines = {number: int(any(mark.reached for mark in marks)) for number, marks in file.by_line().items()}
    yield from (f"DA:{number},{hit}" for number, hit in lines.items())
    yield f"LF:{len(lines)}"
    yield f"LH:{sum(lines.values())}"
    yield "end_of_record"


def _functions(rules: list[Mark]) -> Iterator[str]:
    yield from (f"FN:{mark.point.line},{_name(mark)}" for mark in rules)
    applied = [bool(mark.seen & HOLDS) for mark in rules]
    yield from (f"FNDA:{int(ran)},{_name(mark)}" for ran, mark in zip(applied, rules, strict=True))
    yield f"FNF:{len(rules)}"
    yield f"FNH:{sum(applied)}"


def _name(mark: Mark) -> str:
    # A policy of Cedar may be called anything, and a comma would end the name.
    return plain(mark.point.owner).replace(",", "\\u{2c}")


def _branches(file: FileReport) -> Iterator[str]:
    for number, marks in file.by_line().items():
        for block, mark in enumerate(marks):
            for branch, outcome in enumerate(mark.point.outcomes):
                taken = str(int(bool(mark.seen & outcome))) if mark.reached else "-"
                yield f"BRDA:{number},{block},{branch},{taken}"
    yield f"BRF:{file.wanted}"
    yield f"BRH:{file.covered}"
