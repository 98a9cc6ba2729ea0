"""Schemas of Cedar, in both of their forms, and what stands in where nobody wrote one."""

from pdp.cedar.schemas.implicit import implicit_schema
from pdp.cedar.schemas.loading import load_schema, load_schemas
from pdp.cedar.schemas.names import action_text

__all__ = ["action_text", "implicit_schema", "load_schema", "load_schemas"]
