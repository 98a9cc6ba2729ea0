"""Tables of tests in YAML and CSV: principals, resources and actions, and what is expected of each request."""

from pdp.testing.tables.reading import Tables, read_sources, read_tables

__all__ = ["Tables", "read_sources", "read_tables"]
