"""Entities that stand in files: read from JSON, YAML and CSV, checked against the schema, and held as one store."""

from pdp.entities.loading import is_entity_file, load
from pdp.entities.store import Store

__all__ = ["Store", "is_entity_file", "load"]
