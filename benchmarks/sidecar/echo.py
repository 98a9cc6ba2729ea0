"""A server of grpcio that decides nothing: `python -m benchmarks.sidecar.echo unix:PATH SIZE`.

It answers each call with so many bytes that are ready. What it takes is what the transport takes.
"""

from __future__ import annotations

import sys

import grpc
import uvloop
from grpc import aio

PATH = "/benchmarks.Echo/Call"


async def serve(address: str, size: int) -> None:
    """Answer until the process ends, with the options that the server of pdp has."""
    from pdp_sidecar.rpc.options import Options

    options = Options()
    server = aio.server(options=options.channel(), maximum_concurrent_rpcs=options.calls)
    reply = bytes(size)

    async def call(request: bytes, context: object) -> bytes:
        return reply

    service, method = PATH.strip("/").split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(call)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
