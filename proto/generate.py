"""Write the Python of the protobuf files into a folder: `python proto/generate.py [FOLDER]`.

By default that is the package `pdp_sidecar.generated`. What protoc writes imports `pdp.v1`, which would be the package
`pdp`; here it imports its neighbours.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
GENERATED = PROTO.parent / "sidecar" / "pdp_sidecar" / "generated"
_IMPORT = re.compile(r"^from pdp\.v1 import ", re.MULTILINE)
_NOTE = "# Written by `make proto`; not to be edited.\n"


def generate(folder: Path) -> None:
    """Write the modules; raise SystemExit where a file does not hold up."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.glob("pdp/v1/*.proto"))
    include = Path(protoc.__file__).resolve().parent / "_proto"
    options = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "pyi")]
    status = protoc.main(["protoc", f"-I{PROTO}", f"-I{include}", *options, *files])
    if status:
        raise SystemExit(status)
    for path in [*folder.glob("pdp/v1/*.py"), *folder.glob("pdp/v1/*.pyi")]:
        text = _IMPORT.sub("from pdp_sidecar.generated import ", path.read_text(encoding="utf-8"))
        if path.name.endswith("_grpc.py") and "_service_" not in path.name:
            path.unlink()  # It has no service.
            continue
        (folder / path.name).write_text(_NOTE + text, encoding="utf-8")
        path.unlink()
    (folder / "pdp" / "v1").rmdir()
    (folder / "pdp").rmdir()


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED)
