"""Entities that stand in files: read from JSON, YAML and CSV, checked against the schema, and held as one store."""

from typing import TYPE_CHECKING

from pdp.entities.files import is_entity_file
from pdp.entities.store import Store

if TYPE_CHECKING:
    from pdp.entities.loading import load

__all__ = ["Store", "is_entity_file", "load"]


def __getattr__(name: str) -> object:
    if name == "load":
        # A store takes no reader: what is cached is never read again.
        from pdp.entities.loading import load

        return load
    raise AttributeError(f"module `pdp.entities` has no attribute `{name}`")
