"""Access to a running service for scenario tests."""

from __future__ import annotations

from pathlib import Path

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
