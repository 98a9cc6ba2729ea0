"""Revocations: what counts no longer, as it is held in memory and as it is kept on record."""
