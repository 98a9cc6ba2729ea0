"""A client that is generated: it knows the protobuf files of pdp, and nothing else of it.

    python client.py TARGET USER ACTION ORDER…

Its modules are what `protoc` makes of `proto/`: they have to be found before the package `pdp`, if that is installed.
"""

from __future__ import annotations

import sys

import grpc

from pdp.v1 import check_pb2, decision_service_pb2, decision_service_pb2_grpc, value_pb2

SECONDS = 2.0


def main(target: str, user: str, action: str, *orders: str) -> None:
    """Ask one batch, and print an answer a line."""
    who = value_pb2.Entity(type="User", id=user)
    items = [check_pb2.CheckRequest(resource=value_pb2.Entity(type="Order", id=order)) for order in orders]
    request = decision_service_pb2.CheckBatchRequest(
        defaults=check_pb2.CheckRequest(principal=who, action=action), items=items
    )
    with grpc.insecure_channel(target) as channel:
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        answers = stub.CheckBatch(request, timeout=SECONDS).responses
    for order, answer in zip(orders, answers, strict=True):
        # Nothing but this one value is a yes.
        allowed = answer.decision == check_pb2.DECISION_ALLOW
        reason = check_pb2.Reason.Name(answer.reason)
        print(
            f"{order}: {'allow' if allowed else 'deny'} ({reason}, {', '.join(answer.determining_rules) or 'no rule'})"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
