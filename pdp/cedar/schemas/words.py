"""Which words are names in a schema of Cedar, and which of them it keeps for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp import patterns
from pdp.checker.report import Report
from pdp.source import Span
from pdp.types import Primitive

RESERVED: Final = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has"})
"""No name anywhere in Cedar."""

OWN: Final = "__cedar"
"""The namespace of what Cedar itself declares."""

NOT_COMMON: Final = frozenset({"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"})
"""No common type has one of these names, though an entity type may."""

ACTION: Final = "Action"
"""The type of the actions of a namespace; nothing else has it."""

BUILTINS: Final[Mapping[str, Primitive]] = {
    "Bool": Primitive.BOOL,
    "Long": Primitive.INT,
    "String": Primitive.STRING,
    "decimal": Primitive.DECIMAL,
    "datetime": Primitive.DATETIME,
    "duration": Primitive.DURATION,
    "ipaddr": Primitive.IP,
}
"""The types that Cedar declares, by their names in its namespace."""

EXTENSIONS: Final = ("datetime", "decimal", "duration", "ipaddr")

_NAME: Final = patterns.compile(r"[A-Za-z_][A-Za-z0-9_]*+")


def is_name(text: str) -> bool:
    """Tell whether a text has the form of a name, reserved or not."""
    return _NAME.fullmatch(text) is not None


def check_free(name: str, span: Span, report: Report) -> None:
    """Report a name that nothing can have."""
    if name in RESERVED:
        report.error("reserved_name", f"`{name}` is a word of Cedar's own", span, "choose another name")


def check_declared(name: str, span: Span, report: Report) -> None:
    """Report a name that a type or a part of a namespace cannot be declared with."""
    check_free(name, span, report)
    if name == OWN:
        report.error("reserved_name", f"`{OWN}` is the namespace of Cedar's own types", span, "choose another name")
