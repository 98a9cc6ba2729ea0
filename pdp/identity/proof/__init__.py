"""That whoever brings a token has the key that it is bound to: by a certificate (RFC 8705) or a proof (RFC 9449)."""
