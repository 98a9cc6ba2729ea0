"""The published rows: policies, schema, entities, and requests with what Cedar decided."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pdp.values import EntityRef


class Asked(NamedTuple):
    """One request of a row, and what Cedar answers: the policies that decide, and those that fail."""

    principal: EntityRef
    action: EntityRef
    resource: EntityRef
    context: dict[str, Any]
    decision: str
    reason: frozenset[str]
    errors: frozenset[str]


class Row(NamedTuple):
    """One set of policies."""

    name: str
    policies: str
    schema: str
    entities: list[Any]
    validates: bool
    requests: tuple[Asked, ...]


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, one JSON object a line, compressed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            data = json.loads(line)
            yield Row(
                name=data["name"],
                policies=data["policies"],
                schema=data["schema"],
                entities=data["entities"],
                validates=data["shouldValidate"],
                requests=tuple(map(_asked, data["requests"])),
            )


def _asked(data: dict[str, Any]) -> Asked:
    principal, action, resource = (
        EntityRef(data[name]["type"], data[name]["id"]) for name in ("principal", "action", "resource")
    )
    return Asked(
        principal=principal,
        action=action,
        resource=resource,
        context=data["context"],
        decision=data["decision"],
        reason=frozenset(data["reason"]),
        errors=frozenset(data["errors"]),
    )
