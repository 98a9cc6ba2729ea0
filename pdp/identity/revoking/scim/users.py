"""A user as a directory knows it: what names it, and whether it may be anywhere."""

from __future__ import annotations

import datetime as _datetime
from typing import Any, Final

from pdp.classes import dataclass
from pdp.ids import wrong_id
from pdp.values import Datetime

SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
BASE: Final = "/scim/v2"
"""The path that all others begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`external_id` is the directory's own name for it, empty where it tells none. Times are in microseconds."""

    id: str
    user_name: str
    external_id: str = ""
    active: bool = True
    created: int = 0
    modified: int = 0

    @property
    def location(self) -> str:
        """The path that it is at."""
        return f"{BASE}/Users/{self.id}"

    def name(self, attribute: str) -> str:
        """Return what an attribute of the standard says, empty for nothing.

        >>> User(id="1", user_name="ada").name("userName")
        'ada'
        """
        return {"id": self.id, "userName": self.user_name, "externalId": self.external_id}[attribute]

    def to_json(self) -> dict[str, Any]:
        """Return it as SCIM has it."""
        external = {"externalId": self.external_id} if self.external_id else {}
        meta = {"resourceType": "User", "location": self.location}
        times = {"created": _instant(self.created), "lastModified": _instant(self.modified)}
        named = {"schemas": [SCHEMA], "id": self.id, **external, "userName": self.user_name}
        return named | {"active": self.active, "meta": meta | times}


def _instant(micros: int) -> str:
    moment: _datetime.datetime = Datetime(micros).to_datetime()
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wrong_name(text: object) -> str | None:
    """Tell why something is no name of a user, None where it is one: it has to be fit to be the id of a principal."""
    if not isinstance(text, str):
        return "it is no text"
    wrong = wrong_id(text)
    if wrong is not None:
        return wrong.message
    return None if text.isprintable() and text == text.strip() else "it holds blanks at an end, or what is not shown"
