"""Files of every kind are charged what their checks cost, whatever their rows are.

The fields of requests are in `test_every_field.py`, and large stored resources in `test_answers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from factories.api import make_file, to_jsonl, upload_messages
from factories.charges import Charges
from factories.servers import RunningServer
from foreword.v1 import dataset_service_pb2, inference_service_pb2

BASE: Final = "baseModels/foreword--starter"
MIB: Final = 2**20
ROW: Final = b'{"input": "Two screws are missing.", "output": "Warehouse"}'


def object_of(pairs: str, count: int) -> bytes:
    """Return a row with many other keys."""
    return b"{" + "".join(pairs % number if "%" in pairs else pairs for number in range(count)).encode() + ROW[1:]


FILES: Final[Mapping[str, tuple[str, bytes]]] = {
    "a small file": ("", make_file()),
    "usual rows": ("", make_file(5_000)),
    "usual rows of JSON": ("json", b"[\n  " + b",\n  ".join([ROW] * 5_000) + b"\n]"),
    "the shortest rows of CSV": ("csv", b"input,output\n" + b",\n" * 100_000),
    "short rows of CSV": ("csv", b"input,output\n" + b"".join(b"%d,b\n" % number for number in range(50_000))),
    "blank lines": ("jsonl", b" \n" * 2 * MIB + ROW),
    "brackets": ("json", b"[" * 3 * MIB),
    "pairs of brackets": ("json", b"[[" + b"[]," * 600_000 + b"[]]]"),
    "quotes": ("csv", b'input,output\n"' + b'""' * MIB + b'",b\n'),
    "equal keys": ("jsonl", b"\n".join([object_of('"a":1,', 150_000)] * 3)),
    "equal keys of columns": ("jsonl", b"\n".join([object_of('"input":"","output":"",', 40_000)] * 3)),
    "other keys": ("jsonl", b"\n".join([object_of('"k%d":1,', 80_000)] * 3)),
    "nested objects": ("jsonl", b"\n".join([b'{"input":' + b'{"a":' * 900 + b"1" + b"}" * 900 + ROW[1:]] * 500)),
    "long rows": ("jsonl", to_jsonl([{"input": "the box is wet " * 60_000, "output": "Service"}] * 4)),
    "rows of escapes": ("jsonl", b'{"input": "' + b"\\u00fc" * 160_000 + b'", "output": "b"}\n' * 4),
    "faulty rows": ("jsonl", b"{]\n" * 100_000),
    "as many labels as rows": ("jsonl", to_jsonl({"input": f"{n}", "output": f"Label {n}"} for n in range(20_000))),
    "many labels in a row": ("jsonl", to_jsonl([{"input": "x", "output": ", ".join(map(str, range(20_000)))}] * 10)),
}


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def charges(server: RunningServer, stubs: Any) -> Charges:
    stubs.inference.Tokenize(inference_service_pb2.TokenizeRequest(model=BASE, text="x"))
    return Charges(server)


@pytest.mark.parametrize("kind", FILES)
def test_the_check_of_a_file_is_charged_fairly(stubs, charges: Charges, kind: str) -> None:
    format, content = FILES[kind]

    def check() -> Any:
        messages = upload_messages(content, dataset_service_pb2.CheckDatasetRequest, chunk_bytes=MIB, format=format)
        return stubs.datasets.CheckDataset(messages).report

    assert charges.fairly(check).format == (format or "jsonl")
