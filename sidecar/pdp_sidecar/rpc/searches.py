"""Who may do something, and what somebody may do."""

from __future__ import annotations

from pdp.errors import RequestError
from pdp.search import LIMIT, MAX_LIMIT, Asking
from pdp.values import EntityRef
from pdp_sidecar.callers import Caller
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.service import Service
from pdp_sidecar.wire.requests import entities_of, entity_of
from pdp_sidecar.wire.values import fields_of, ref_message


def who_can(service: Service, caller: Caller, message: pb.WhoCanRequest) -> pb.WhoCanResponse:
    """Answer WhoCan; raise NotPermitted or RequestError."""
    if not message.HasField("resource"):
        raise RequestError("the search names no resource")
    page = service.who_can(
        caller, message.principal_type, message.action, entity_of(message.resource), **_asking(message)
    )
    return pb.WhoCanResponse(principals=map(ref_message, page.results), next_page_token=page.next_token)


def what_can(service: Service, caller: Caller, message: pb.WhatCanRequest) -> pb.WhatCanResponse:
    """Answer WhatCan; raise NotPermitted or RequestError."""
    if not message.HasField("principal"):
        raise RequestError("the search names no principal")
    principal, asking = entity_of(message.principal), _asking(message)
    if message.HasField("resource"):
        if message.action or message.resource_type:
            raise RequestError("a search of a resource lists actions: it has neither an action nor a type of resource")
        resource = entity_of(message.resource)
        actions = service.actions(caller, principal, resource, **asking)
        found = [_permitted(action, EntityRef(resource.type, resource.id)) for action in actions.results]
        return pb.WhatCanResponse(permitted=found, next_page_token=actions.next_token)
    if not message.action:
        raise RequestError("the search names neither an action nor a resource")
    page = service.what_can(caller, principal, message.action, message.resource_type, **asking)
    found = [_permitted(message.action, ref) for ref in page.results]
    return pb.WhatCanResponse(permitted=found, next_page_token=page.next_token)


def _permitted(action: str, resource: EntityRef) -> pb.Permitted:
    return pb.Permitted(action=action, resource=ref_message(resource))


def _asking(message: pb.WhoCanRequest | pb.WhatCanRequest) -> Asking:
    return {
        "context": fields_of(message.context) if message.HasField("context") else None,
        "session": fields_of(message.session) if message.HasField("session") else None,
        "entities": entities_of(message.entities),
        "handles": tuple(message.handles),
        "limit": min(message.page_size or LIMIT, MAX_LIMIT),
        "token": message.page_token,
    }
