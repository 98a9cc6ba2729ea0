"""What a configuration is made of: flags go before the environment, that before the file, and that before defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pdp.configuration.places import Path, value_of
from pdp.configuration.reading import fields, is_struct, members
from pdp.configuration.report import Report
from pdp.source import Source

PREFIX: Final = "PDP_SERVE_"


def put(data: dict[str, Any], path: Path, value: Any, source: Source, report: Report) -> None:
    """Put a value over what a file says."""
    *above, last = path
    for name in above:
        inner = data.get(str(name))
        if not isinstance(inner, dict):
            # What the file has there is no table: that is said once it is read, unless it is given anew.
            inner = data[str(name)] = {}
        data = inner
    data[str(last)] = value
    report.give(path, source)


def variables(kind: type[msgspec.Struct], path: Path = ()) -> Iterator[tuple[str, Path, Any]]:
    """Yield the name of the variable of each value, its path and its type."""
    for name, (_, hint) in fields(kind).items():
        here = (*path, name)
        yield PREFIX + "_".join(map(str, here)).upper(), here, hint
        only = members(hint)
        if len(only) == 1 and is_struct(only[0]):
            yield from variables(only[0], here)


def read_environment(
    kind: type[msgspec.Struct], environment: Mapping[str, str], data: dict[str, Any], report: Report
) -> None:
    """Put what the environment says over what a file says."""
    known = {name: (path, hint) for name, path, hint in variables(kind)}
    # A whole table before what stands in it.
    for name in sorted((each for each in environment if each.startswith(PREFIX)), key=lambda each: (len(each), each)):
        source = Source(name, environment[name])
        if name not in known:
            report.give((name,), source)
            report.unknown((name,), known, "in the environment that `pdp serve` reads")
            continue
        path, hint = known[name]
        put(data, path, _given(hint, environment[name]), source, report)


def _given(hint: Any, text: str) -> Any:
    """Return a value as the environment has it: a text where one is wanted, else TOML."""
    wants_text = str in members(hint)
    if wants_text and not text.startswith("{"):
        return text
    try:
        return value_of(text)
    except (ValueError, RecursionError):
        return text
