"""Plain data into values by declared type, and back.

Nothing is coerced from one kind to another: `1` is no Bool, `"1"` no Int, and a float or a null is no value at all.
What does not conform is a `Mismatch`, which says where in the data it stands.
"""

from pdp.conform.mismatch import Mismatch
from pdp.conform.reading import conform, conform_attributes, conform_entity, mismatches, plain
from pdp.conform.references import read_ref

__all__ = [
    "Mismatch",
    "conform",
    "conform_attributes",
    "conform_entity",
    "mismatches",
    "plain",
    "read_ref",
]
