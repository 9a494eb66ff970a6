"""Packages of the examples for Node.js."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_NO_WAY_TO_THE_REGISTRY = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E50\d)\b")


def install_packages(folder: Path) -> None:
    """Install the packages of a package-lock.json beside it, once; skip the test if this machine cannot."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js and npm")
    stamp = folder / "node_modules" / ".package-lock.json"
    if stamp.exists() and stamp.stat().st_mtime >= (folder / "package-lock.json").stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    if found := _NO_WAY_TO_THE_REGISTRY.search(result.stderr):
        pytest.skip(f"npm cannot reach its registry ({found[0]})")
    assert result.returncode == 0, result.stderr
