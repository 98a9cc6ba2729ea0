"""What tests cover, said by `pdp test` and written for others to read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pdp
from pdp.cli.endings import Refusal, Status
from pdp.cli.terminal import Terminal, say
from pdp.testing.coverage import Report
from pdp.testing.coverage.cobertura import cobertura
from pdp.testing.coverage.lcov import lcov
from pdp.testing.coverage.page import page
from pdp.testing.coverage.text import text_lines


def say_coverage(report: Report, given: Mapping[str, Any], terminal: Terminal) -> None:
    """Show what is not covered, and whether that is more than may be, as the options of the command ask for."""
    if given["coverage"]:
        say("")
        for line in text_lines(report, terminal, everything=given["verbose"]):
            say(line)
    least = given["min_coverage"]
    if least is not None and not report.meets(least):
        say(f"{terminal.paint('not ok', 'deny')}: {report.percent} % is covered, and {least:g} % is asked for")


def write_coverage(report: Report, path: str, given: Mapping[str, Any]) -> None:
    """Write the files that the options of the command ask for. Paths in them begin where the command runs."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    here, whole = Path.cwd(), folder.resolve()
    root = whole.relative_to(here).as_posix() if whole.is_relative_to(here) else folder.as_posix()
    texts: dict[str, Callable[[], str]] = {
        "lcov": lambda: lcov(report, root="" if root == "." else root),
        "cobertura": lambda: cobertura(report, root=root, timestamp=int(time.time()), version=pdp.__version__),
        "html": lambda: page(report, title=f"Coverage of {whole.name}"),
    }
    for name, text in texts.items():
        if given[name] is not None:
            write_file(given[name], text())


def write_file(path: str, text: str) -> None:
    """Write a report; raise Refusal where that fails."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise Refusal("unwritable_file", f"`{path}`: {reason}", status=Status.FAILED) from None
