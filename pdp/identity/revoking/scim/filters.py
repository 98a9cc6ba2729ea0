"""The filters that directories look users up by (RFC 7644, 3.4.2.2): one attribute that is equal to one text."""

from __future__ import annotations

import json
import re
from typing import Final

from pdp.identity.revoking.scim.refusals import RefusedError
from pdp.identity.revoking.scim.users import SCHEMA

_FILTER: Final = re.compile(r'\s*([A-Za-z0-9:.$_-]+)\s+[eE][qQ]\s+("(?:[^"\\]|\\.)*")\s*')
_NAMES: Final = {"username": "userName", "externalid": "externalId", "id": "id"}


def read(text: str) -> tuple[str, str]:
    """Return the attribute and the text that it has to be equal to; raise RefusedError for any other filter.

    >>> read('userName eq "ada"')
    ('userName', 'ada')
    """
    found = _FILTER.fullmatch(text)
    name = _NAMES.get(found[1].lower().removeprefix(f"{SCHEMA}:".lower())) if found is not None else None
    if found is None or name is None:
        message = 'users are found by `userName`, `externalId` or `id`, such as by `userName eq "ada"`'
        raise RefusedError(400, message, "invalidFilter")
    try:
        value = json.loads(found[2])
    except ValueError:
        raise RefusedError(400, "the text in the filter is none of JSON", "invalidFilter") from None
    return name, str(value)
