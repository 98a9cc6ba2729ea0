"""What a directory is told of this server when it is set up against it (RFC 7643, 5 to 7)."""

from __future__ import annotations

from typing import Any, Final

from pdp.identity.revoking.scim.users import BASE, SCHEMA

MOST: Final = 200
"""Users of one answer."""

_NO: Final = {"supported": False}

PROVIDER: Final[dict[str, Any]] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": MOST},
    "changePassword": _NO,
    "sort": _NO,
    "etag": _NO,
    "authenticationSchemes": [
        {
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A secret that stands in the configuration, as `Authorization: Bearer`",
            "primary": True,
        }
    ],
    "meta": {"resourceType": "ServiceProviderConfig", "location": f"{BASE}/ServiceProviderConfig"},
}

TYPES: Final[dict[str, dict[str, Any]]] = {
    "User": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": "Whoever may sign in",
        "schema": SCHEMA,
        "meta": {"resourceType": "ResourceType", "location": f"{BASE}/ResourceTypes/User"},
    }
}


def _attribute(name: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    found = {"name": name, "type": kind, "multiValued": False, "description": description, "required": False}
    found |= {"caseExact": False, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
    return found | more


SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    SCHEMA: {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": SCHEMA,
        "name": "User",
        "description": "What is kept of users: their names, and whether they are active",
        "attributes": [
            _attribute("userName", "string", "The name to sign in by", required=True, uniqueness="server"),
            _attribute("externalId", "string", "The directory's own name", caseExact=True),
            _attribute("active", "boolean", "Whether the user may be anywhere; once it is false, access ends"),
        ],
        "meta": {"resourceType": "Schema", "location": f"{BASE}/Schemas/{SCHEMA}"},
    }
}
