"""Strict validation of Cedar policies against a schema."""

from pdp.cedar.validation.lapses import skipping
from pdp.cedar.validation.validator import validate

__all__ = ["skipping", "validate"]
