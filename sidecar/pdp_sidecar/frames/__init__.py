"""Framed msgpack on a Unix socket: what clients in Python ask by, since it costs them least."""
