"""The configuration of a sidecar: one file of TOML, the environment and flags, checked as policies are."""

from pdp_sidecar.config.loading import Configuration, Flags, load
from pdp_sidecar.config.report import ConfigurationError

__all__ = ["Configuration", "ConfigurationError", "Flags", "load"]
