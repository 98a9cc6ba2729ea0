"""A configuration as it stands in a file of TOML."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path as FilePath
from typing import Any, Final

from pdp.classes import replace
from pdp.configuration.places import Path, locate
from pdp.configuration.report import ConfigurationError, Report
from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax.reader import read_source

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


def relative_to(path: str, report: Report, at: Path, file: str | None) -> str:
    """Return a path of a file: what stands in a configuration is relative to it, all else to where the command runs."""
    if file is None or report.source(at) is not None:
        return path
    return str(FilePath(file).parent / path)
