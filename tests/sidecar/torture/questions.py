"""What is asked by gRPC, as it goes over the wire."""

from __future__ import annotations

from pdp_sidecar.generated import check_pb2, value_pb2
from tests.sidecar.torture import world

CHECK = "/pdp.v1.DecisionService/Check"

QUESTIONS = tuple(
    (check_pb2.CheckRequest(
        principal=value_pb2.Entity(type=user.type, id=user.id),
        action="read",
        resource=value_pb2.Entity(type="Page", id="home"),
    ).SerializeToString(), user == world.USERS[0])
    for user in world.USERS
)  # fmt: skip
"""Questions as gRPC has them, and whether each is allowed."""
