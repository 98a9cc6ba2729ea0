"""The configuration of a sidecar: one file of TOML, the environment and flags, checked as policies are."""

from pdp.configuration.report import ConfigurationError
from pdp_sidecar.config.loading import Configuration, Flags, load

__all__ = ["Configuration", "ConfigurationError", "Flags", "load"]
