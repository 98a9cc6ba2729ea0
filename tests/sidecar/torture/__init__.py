"""The sidecar under load, revocations and reloads, and ways to break it, each of which has to be noticed."""
