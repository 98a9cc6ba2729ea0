"""Where a sidecar listens: at a Unix socket, or at a port of an address of this machine."""

from __future__ import annotations

import re
from typing import Final

from pdp.classes import dataclass
from pdp.values import Ip

_TCP: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)|(localhost)):([0-9]{1,5})", re.ASCII)
_LOOPBACK: Final = tuple(map(Ip.parse, ("127.0.0.0/8", "::1")))
HELP: Final = "an address is `unix:/run/pdp.sock`, `127.0.0.1:8443`, `[::1]:8443` or `localhost:8443`"


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen at: the path of a Unix socket, or a host and a port, 0 for one that the system chooses.

    >>> Address.parse("unix:/run/pdp.sock"), Address.parse("[::1]:8443").is_loopback
    (Address(path='/run/pdp.sock', host='', port=0), True)
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; raise ValueError for anything else, with what would be one."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            # As gRPC has it: two slashes stand before a path from the root.
            path = path[2:] if path.startswith("//") else path
            if not path or path.startswith("@") or "\0" in path:
                raise ValueError("a Unix socket has a path, by whose mode the kernel keeps others out")
            return cls(path=path)
        found = _TCP.fullmatch(text)
        if found is None:
            raise ValueError(f"`{text}` is no address to listen at")
        six, four, name, digits = found.groups()
        host, port = six or four or name, int(digits)
        if port > 65_535:
            raise ValueError(f"there is no port {port}")
        if name is None:
            Ip.parse(host)
        return cls(host=host, port=port)

    @property
    def is_unix(self) -> bool:
        """Whether it is a Unix socket."""
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine gets there."""
        return self.host == "localhost" or (bool(self.host) and any(Ip.parse(self.host) in each for each in _LOOPBACK))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
