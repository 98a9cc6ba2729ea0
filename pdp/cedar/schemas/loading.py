"""Files of schemas into one schema, or all that is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.cedar.schemas import document, parser
from pdp.cedar.schemas.declarations import Namespace
from pdp.cedar.schemas.resolver import resolve
from pdp.checker.report import Report
from pdp.errors import Diagnostic
from pdp.schema import Schema
from pdp.source import Source, Span

ENDINGS: Final = (".cedarschema", ".json")
"""How files of schemas are named: text, or JSON."""


def load_schema(source: Source) -> tuple[Schema | None, list[Diagnostic]]:
    """Read a schema, in the form that its path ends with; with an error among the diagnostics, there is none."""
    return load_schemas([source])


def load_schemas(sources: Sequence[Source]) -> tuple[Schema | None, list[Diagnostic]]:
    """Read files that are one schema together. One namespace may stand in several of them, one declaration may not."""
    report = Report()
    namespaces = [each for source in sources for each in _read(source, report)]
    schema = resolve(namespaces, report, partial=report.failed)
    return (None if report.failed else schema), report.diagnostics()


def _read(source: Source, report: Report) -> list[Namespace]:
    if source.path.endswith(".cedarschema"):
        return parser.parse(source, report)
    if source.path.endswith(".json"):
        return document.read(source, report)
    message, help_ = (
        "this is no schema, by its name",
        f"a schema ends in {' or '.join(f'`{each}`' for each in ENDINGS)}",
    )
    report.error("unknown_format", message, Span(source, 0, 0), help_)
    return []
