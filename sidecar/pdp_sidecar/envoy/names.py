"""Names of entities with places in their ids: `Service "{name}"`."""

from __future__ import annotations

from pdp.classes import dataclass
from pdp.values import EntityRef
from pdp_sidecar.callers import named
from pdp_sidecar.envoy.templates import Seen, Template


@dataclass(frozen=True, slots=True)
class Named:
    """An entity of a type. What a request brings becomes a part of the id, and of nothing else.

    >>> Named.of('Service "{name}"').type
    'Service'
    """

    type: str
    id: Template

    @classmethod
    def of(cls, text: str) -> Named:
        """Read `Type "id"`, `Type:id` or `Type::"id"`; raise ValueError."""
        ref = named(text)
        return cls(ref.type, Template.of(ref.id))

    def ref(self, seen: Seen) -> EntityRef | None:
        """Return the entity, None where the request does not name one; raise Refused."""
        id_ = self.id.filled(seen)
        return None if id_ is None else EntityRef(self.type, id_)
