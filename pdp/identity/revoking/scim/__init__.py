"""A directory tells who leaves (SCIM, RFC 7643 and 7644): as much of it as directories need to be set up against.

Users are held by what names them and nothing else; groups are not held, and whoever is taken out of one is not revoked.
"""
