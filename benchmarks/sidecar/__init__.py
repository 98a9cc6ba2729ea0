"""Measures the sidecar beside the server of Cerbos, over sockets: see the README of the benchmarks."""
