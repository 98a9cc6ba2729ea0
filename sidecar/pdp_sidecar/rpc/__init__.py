"""The gRPC server: DecisionService, AdminService, health, and reflection where it is wanted."""

from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.server import Listener, Server, start

__all__ = ["Listener", "Options", "Server", "start"]
