"""The process in which Cedar's engine answers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
VARIABLE = "PDP_CEDARPY"
"""The environment variable that names the interpreter of an environment with cedarpy."""


def interpreter() -> str | None:
    """Return the interpreter of an environment that has cedarpy, if one is at hand."""
    given = os.environ.get(VARIABLE)
    if given:
        return given
    found = WORKER.parents[2] / ".venv-bench" / "bin" / "python"
    return str(found) if found.exists() else None


class Crashed(Exception):
    """Cedar's engine ended, or answered nothing that can be read."""


class Oracle:
    """One process of Cedar's engine, begun when it is first asked and again after a crash."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return what the engine answers to a message; raise Crashed where it does not."""
        if self._process is None:
            # Isolated: no folder of this repository is on its path.
            self._process = subprocess.Popen(
                [self._python, "-I", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            self.close()
            raise Crashed(f"the process of Cedar's engine ended with {process.returncode}")
        return json.loads(line)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()
