"""The sidecar under load, under revocations and under reloads, and ways to break it, each of which has to be noticed."""
