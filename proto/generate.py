"""Generate the Python stubs of `proto/foreword/v1` into `core/foreword/v1` (or another folder).

`proto/google` is input only: at run time, the stubs import these modules from `googleapis-common-protos`.

Usage: python proto/generate.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).parent


def generate(output: Path) -> None:
    """Write the messages of every file, and the client and server classes of those that define a service.

    Args:
        output: Import root to write below; the stubs land in `output/foreword/v1`.

    Raises:
        RuntimeError: protoc rejected a file; its standard error gives the reason.
    """
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}"]
    sources = sorted((PROTO / "foreword" / "v1").glob("*.proto"))
    services = [path for path in sources if path.stem.endswith("_service")]
    messages_status = protoc.main([*arguments, f"--python_out={output}", f"--pyi_out={output}", *map(str, sources)])
    services_status = protoc.main([*arguments, f"--grpc_python_out={output}", *map(str, services)])
    if messages_status or services_status:
        raise RuntimeError("protoc failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTO.parent / "core")
