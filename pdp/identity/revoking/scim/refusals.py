"""What a directory is told where it asks for what cannot be done (RFC 7644, 3.12)."""

from __future__ import annotations

from typing import Any, Final

SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class RefusedError(Exception):
    """A request is answered by an error: its status, the word of the standard for it, and what is told of it."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind

    def document(self) -> dict[str, Any]:
        """Return the document that answers.

        >>> RefusedError(409, "another user has this name", "uniqueness").document()["scimType"]
        'uniqueness'
        """
        found: dict[str, Any] = {"schemas": [SCHEMA], "status": str(self.status), "detail": self.detail}
        return found | {"scimType": self.kind} if self.kind else found
