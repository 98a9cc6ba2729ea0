"""What says that an identity counts no longer: each ends in a revocation, or in a refusal of its token.

An issuer is asked about a token (`confirming`), tells that sessions end (`logout`), or a directory tells who leaves
(`scim`).
"""
