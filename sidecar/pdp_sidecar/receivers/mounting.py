"""The receivers, before an application that answers everything else."""

from __future__ import annotations

from pdp_sidecar.receivers import logout, scim
from pdp_sidecar.receivers.messages import App, Receive, Scope, Send


class Mounted:
    """Gives requests to the receivers that there are, by the path as it was sent, and all others to an application."""

    def __init__(self, app: App, *, logouts: App | None = None, directory: App | None = None) -> None:
        self._app, self._logouts, self._directory = app, logouts, directory
        self._logout, self._scim = logout.PATH.encode(), scim.PREFIX.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if scope["type"] == "http":
            path = scope["raw_path"]
            if path == self._logout:
                app = self._logouts or app
            elif path.startswith(self._scim):
                app = self._directory or app
        await app(scope, receive, send)
