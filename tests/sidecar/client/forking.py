"""A process that forks under a client of gRPC: `python forking.py TARGET used|unused`; or a server: `… serve PATH`.

gRPC is not used in the process of the tests before: what it has begun there is not to help here.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

CHILDREN = 3


def main(target: str, how: str) -> int:
    import pdp
    from tests.sidecar.scene import ADA, HOME

    remote = pdp.connect(target, timeout=3.0)
    if how == "used":
        assert remote.allows(ADA, "read", HOME)
    for _ in range(CHILDREN):
        child = os.fork()
        if not child:
            try:
                os._exit(0 if remote.allows(ADA, "read", HOME) else 1)
            finally:
                os._exit(2)
        end = time.monotonic() + 8
        while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if time.monotonic() > end:
                os.kill(child, 9)
                return 3
            time.sleep(0.005)
        _, status = os.waitpid(child, 0)
        if status:
            return 4
    assert remote.allows(ADA, "read", HOME)
    remote.close()
    return 0


def serve(path: str) -> int:
    from tests.sidecar.client.running import running
    from tests.sidecar.scene import engine

    with running(engine(), Path(path), protocols="grpc"):
        print("ready", flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[3])]
    sys.exit(serve(sys.argv[2]) if sys.argv[1] == "serve" else main(sys.argv[1], sys.argv[2]))
