"""How a sidecar is run: what it tells of itself, and what it takes on."""
