"""Measures pdp beside its peers: see README.md."""
