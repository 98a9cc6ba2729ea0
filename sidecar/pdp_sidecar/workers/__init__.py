"""Several workers behind one port: they are started, kept, and told of what is revoked."""
