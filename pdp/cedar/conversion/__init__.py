"""Policies of Cedar as policies of pdp: what means the same, and where it does not, what is different."""

from pdp.cedar.conversion.converter import Converted, convert
from pdp.cedar.conversion.notes import Difference

__all__ = ["Converted", "Difference", "convert"]
