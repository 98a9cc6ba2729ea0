"""Headers that whoever serves a request may believe, and that whoever sends it may have written."""

from __future__ import annotations

from typing import Final

FORGEABLE: Final = frozenset(
    {
        # Who it is.
        "remote-user",
        "x-auth-email",
        "x-auth-groups",
        "x-auth-request-email",
        "x-auth-request-groups",
        "x-auth-request-preferred-username",
        "x-auth-request-user",
        "x-auth-user",
        "x-authenticated-user",
        "x-authenticated-userid",
        "x-client-cert",
        "x-email",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-forwarded-user",
        "x-groups",
        "x-remote-user",
        "x-role",
        "x-roles",
        "x-ssl-client-dn",
        "x-ssl-client-verify",
        "x-tenant-id",
        "x-user",
        "x-user-email",
        "x-user-id",
        "x-user-roles",
        "x-username",
        # What is asked for: the answer is about the path, the method and the host of the request itself.
        "x-forwarded-host",
        "x-forwarded-method",
        "x-forwarded-prefix",
        "x-forwarded-uri",
        "x-host",
        "x-http-host-override",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-host",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
    }
)


def same(name: str) -> str:
    """Return the name under which servers keep a header: many do not tell `x_user` from `x-user`.

    >>> same("X_User")
    'x-user'
    """
    return name.lower().replace("_", "-")
