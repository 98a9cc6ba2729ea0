"""Write the Python of the protobuf files into a folder: `python proto/generate.py [FOLDER]`.

By default that is the package `pdp_sidecar.generated`. What protoc writes imports `pdp.v1`, which would be the package
`pdp`; here it imports its neighbours, in whichever package of protobuf these are.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
GENERATED = PROTO.parent / "sidecar" / "pdp_sidecar" / "generated"
PACKAGES = ("pdp/v1", "pdp/envoy/v1")
_IMPORT = re.compile(r"^from pdp(?:\.envoy)?\.v1 import ", re.MULTILINE)
_NOTE = "# Written by `make proto`; not to be edited.\n"


def generate(folder: Path) -> None:
    """Write the modules; raise SystemExit where a file does not hold up."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(path.relative_to(PROTO).as_posix() for each in PACKAGES for path in (PROTO / each).glob("*.proto"))
    include = Path(protoc.__file__).resolve().parent / "_proto"
    options = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "pyi")]
    status = protoc.main(["protoc", f"-I{PROTO}", f"-I{include}", *options, *files])
    if status:
        raise SystemExit(status)
    written = folder / "pdp"
    for path in [*written.rglob("*.py"), *written.rglob("*.pyi")]:
        text = _IMPORT.sub("from pdp_sidecar.generated import ", path.read_text(encoding="utf-8"))
        if path.name.endswith("_grpc.py") and "_service_" not in path.name:
            continue  # It has no service.
        (folder / path.name).write_text(_NOTE + text, encoding="utf-8")
    shutil.rmtree(written)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED)
