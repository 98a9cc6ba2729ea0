"""A configuration of issuers, out of a file, with everything that is wrong with it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec

from pdp.classes import dataclass, field
from pdp.configuration.file import read_file, relative_to
from pdp.configuration.places import Path
from pdp.configuration.reading import FAILED, is_struct, read
from pdp.configuration.report import Report
from pdp.configuration.secret import Secret
from pdp.identity.checking import check, meetings
from pdp.identity.declared import Declared
from pdp.identity.options import KeysOptions, Options, ReplayOptions
from pdp.schema import Schema

S = TypeVar("S", bound=msgspec.Struct)

_PATHS = frozenset({"file", "ca"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Whose tokens are taken, checked. Paths are such as to be opened where the command runs."""

    options: Options
    report: Report = field(default_factory=Report, compare=False, repr=False)

    def check(self, schema: Schema) -> None:
        """Hold what names things of policies to what they declare; raise ConfigurationError."""
        # Each policy that is loaded is held to it anew.
        before = len(self.report.found)
        try:
            for where, message, help_ in Declared(schema).problems(self.options):
                self.report.add("undeclared", where, message, help_)
            # Policies may know one type by two names.
            for where, message, help_ in meetings(self.options, schema.resolve):
                self.report.add("ambiguous_principals", where, message, help_)
            self.report.require()
        finally:
            del self.report.found[before:]


def load(
    path: str | FilePath, *, schema: Schema | None = None, environment: Mapping[str, str] | None = None
) -> Configuration:
    """Return the configuration in a file; raise ConfigurationError with all that is wrong with it.

    With a schema, what it says of types and attributes is held to that. Secrets have to be there: `environment` holds
    those that stand in variables.
    """
    file = str(path)
    data, report = read_file(file)
    options = read(Options, data, (), report)
    # What follows looks at values together: it needs each to be one.
    report.require()
    assert options is not FAILED
    options = _placed(options, (), report, file)
    check(options, report, os.environ if environment is None else environment)
    report.require()
    found = Configuration(options=options, report=report)
    if schema is not None:
        found.check(schema)
    return found


def _placed(section: S, at: Path, report: Report, file: str) -> S:
    """Return a section whose paths, and those of all in it, are relative to where the command runs."""
    changes: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value, here = getattr(section, name), (*at, name)
        if _is_path(section, name, value):
            changes[name] = relative_to(value, report, here, file)
        elif is_struct(type(value)):
            changes[name] = _placed(value, here, report, file)
        elif isinstance(value, tuple) and value and is_struct(type(value[0])):
            changes[name] = tuple(_placed(each, (*here, number), report, file) for number, each in enumerate(value))
    return msgspec.structs.replace(section, **changes) if changes else section


def _is_path(section: msgspec.Struct, name: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(section, KeysOptions) and name == "spiffe_bundle":
        return "://" not in value
    return name in _PATHS and (isinstance(section, Secret | ReplayOptions) or hasattr(section, "timeout"))
