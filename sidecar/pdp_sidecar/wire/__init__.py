"""Protobuf messages to and from plain values, requests and decisions; exact in both directions.

`Unsendable` is raised for what has no form on the wire. What comes off it and says nothing is None, which conforms to
no type, so that the attribute is unknown.
"""

from pdp_sidecar.wire.answers import decision_of, response_message
from pdp_sidecar.wire.replies import Replies
from pdp_sidecar.wire.requests import entity_of, request_message, request_of
from pdp_sidecar.wire.values import Unsendable, fields_of, record_message, value_message, value_of

__all__ = [
    "Replies",
    "Unsendable",
    "decision_of",
    "entity_of",
    "fields_of",
    "record_message",
    "request_message",
    "request_of",
    "response_message",
    "value_message",
    "value_of",
]
