"""Cedar's own engine beside pdp: random policy sets, entities and requests, each answered by both.

`make differential` runs them after the native part. Cedar runs in another environment, as a process of its own.
"""
