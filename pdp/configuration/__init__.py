"""Configurations: one file of TOML, checked as policies are, with everything that is wrong at its place.

It needs `msgspec`, which an extra brings: nothing that decides imports it.
"""

from pdp.configuration.report import ConfigurationError

__all__ = ["ConfigurationError"]
