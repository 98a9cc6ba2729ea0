"""What others tell the sidecar of identities that end, over HTTP: issuers of logouts, a directory of who leaves."""
