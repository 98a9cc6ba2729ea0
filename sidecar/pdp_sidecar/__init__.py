"""The sidecar of pdp: answers of an engine for other processes, and the clients that ask it."""
