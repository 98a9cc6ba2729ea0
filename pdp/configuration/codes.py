"""The codes of what can be wrong with any configuration."""

from __future__ import annotations

from typing import Final

COMMON: Final[dict[str, str]] = {
    "invalid_toml": "The file is no TOML.",
    "invalid_value": "A value is of its type, and not one that this can be.",
    "literal_secret": "A secret is written into a configuration.",
    "missing_key": "A key is needed.",
    "unknown_key": "A key, or a variable of the environment, means nothing.",
    "wrong_type": "A value is of another type.",
}
