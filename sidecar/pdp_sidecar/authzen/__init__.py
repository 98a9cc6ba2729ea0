"""The Authorization API 1.0 of OpenID AuthZEN over HTTP."""
