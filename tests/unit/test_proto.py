"""The API's files: linted, and the checked-in stubs fresh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_checked_in_stubs_are_what_the_proto_files_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True)

    fresh = {path.name: path.read_bytes() for path in (tmp_path / "foreword" / "v1").iterdir()}
    stubs = ROOT / "core" / "foreword" / "v1"
    checked_in = {path.name: path.read_bytes() for path in stubs.glob("*_pb2*")}
    assert fresh.keys() == checked_in.keys(), "run: make proto"
    assert [name for name in fresh if fresh[name] != checked_in[name]] == [], "run: make proto"


def test_proto_files_pass_buf_lint(tmp_path: Path) -> None:
    image = tmp_path / "image.binpb"
    google_apis = Path(__import__("google.rpc.status_pb2", fromlist=["status_pb2"]).__file__).parents[2]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"-I{google_apis}"]
    sources = sorted((ROOT / "proto" / "foreword" / "v1").glob("*.proto"))
    subprocess.run([*protoc, "--include_imports", "--include_source_info", f"-o{image}", *sources], check=True)

    buf = [Path(sys.executable).parent / "buf", "lint", image, "--config", ROOT / "proto" / "buf.yaml"]
    result = subprocess.run([*buf, "--path", "foreword/v1"], capture_output=True, text=True, check=False)

    assert result.stdout + result.stderr == ""
    assert result.returncode == 0
