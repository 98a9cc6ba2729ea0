"""What a configuration is made of: flags go before the environment, that before the file, and that before defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

import msgspec

from pdp.classes import replace
from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax.reader import read_source
from pdp_sidecar.config.places import Path, locate, value_of
from pdp_sidecar.config.reading import fields, is_struct, members
from pdp_sidecar.config.report import ConfigurationError, Report

PREFIX: Final = "PDP_SERVE_"

LARGEST: Final = 1 << 20
"""Bytes of a file of configuration."""

_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_file(path: str) -> tuple[dict[str, Any], Report]:
    """Read a file; raise ConfigurationError where it is none of TOML."""
    source = read_source(path, path, limit=LARGEST)
    if isinstance(source, Diagnostic):
        raise ConfigurationError([replace(source, help="the path is that of a file in TOML, which this user can read")])
    try:
        found = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_malformed(source, str(error))]) from None
    except (RecursionError, ValueError) as error:
        message = "the file is nested too deep" if isinstance(error, RecursionError) else "the file is no TOML"
        raise ConfigurationError([Diagnostic(code="invalid_toml", message=message, span=Span(source, 0, 0))]) from None
    return found, Report(source, locate(source.text))


def _malformed(source: Source, error: str) -> Diagnostic:
    at = _AT.search(error)
    message = error[: at.start()] if at is not None else error
    offset = len(source.text)
    if at is not None and at[1]:
        starts = [0, *(found.end() for found in re.finditer("\n", source.text))]
        offset = min(starts[int(at[1]) - 1] + int(at[2]) - 1, offset)
    # What is half written may be a secret: no value is shown, only where it goes wrong.
    source.text = "\n".join(map(_hidden, source.text.split("\n")))
    span = Span(source, offset, min(offset + 1, len(source.text)))
    return Diagnostic(code="invalid_toml", message=message[:1].lower() + message[1:], span=span)


def _hidden(line: str) -> str:
    key, equals, value = line.partition("=") if "=" in line else ("", "", line)
    if not equals and line.lstrip().startswith("["):
        return line
    return key + equals + "".join(each if each.isspace() else "*" for each in value)


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


def relative_to(path: str, report: Report, at: Path, file: str | None) -> str:
    """Return a path of a file: what stands in a configuration is relative to it, all else to where the command runs."""
    if file is None or report.source(at) is not None:
        return path
    return str(FilePath(file).parent / path)
