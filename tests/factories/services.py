"""Access to a running service for scenario tests."""

from __future__ import annotations

import re
from pathlib import Path

from foreword.cli.demo.service import LocalService
from foreword.samples import load_rows


def sample_rows(count: int) -> list[dict[str, str]]:
    """Return the first sample complaints."""
    return load_rows("complaints")[:count]


def children(pid: int) -> list[int]:
    """Return the process ids of the children of a process: the workers of a server."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # the process ended meanwhile
            continue
        if int(after_name[1]) == pid and after_name[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def http_address(service: LocalService) -> str:
    """Return the base URL that a service with HTTP has printed."""
    found = re.search(r"http +(http://127\.0\.0\.1:\d+/v1)", service.log)
    assert found is not None, service.log
    return found[1]
