"""Clients of the sidecar, with the methods of the engine; `pdp.connect` finds them by the scheme of its target."""
