"""How this Foreword was installed, and the command that adds one of its extras to it.

Foreword is on no package index, so `pip install 'foreword[plot]'` finds nothing: a message has to name the checkout or
the wheel that this installation came from.
"""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def install_command(*extras: str) -> str:
    """The command that installs what `extras` need beside this Foreword, ready to be pasted into a shell.

    A checkout and a wheel are named as they were installed (https://peps.python.org/pep-0610). Where neither is there
    any more, the command names the packages that the extras require.
    """
    try:
        installed = distribution("foreword")
    except PackageNotFoundError:  # imported from a source tree that nobody installed
        return f"pip install --editable '.[{','.join(extras)}]'"
    return command_for(installed, *extras)


def command_for(installed: Distribution, *extras: str) -> str:
    """The command that installs what `extras` need beside an installed distribution of Foreword."""
    wanted = f"[{','.join(extras)}]"
    origin: dict[str, Any] = json.loads(installed.read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    path = Path(unquote(urlsplit(url).path))
    if url.startswith("file:") and path.exists():
        editable = "--editable " if origin.get("dir_info", {}).get("editable") else ""
        return f"pip install {editable}{_quoted(f'{path}{wanted}')}"
    if url and not url.startswith("file:"):
        return f"pip install {_quoted(f'foreword{wanted} @ {_installable(url, origin)}')}"
    return f"pip install {' '.join(_quoted(item) for item in _requirements(installed, extras))}"


def _installable(url: str, origin: dict[str, Any]) -> str:
    """The URL of a remote origin as pip takes it, with its version control system and commit."""
    source = origin.get("vcs_info")
    return f"{source['vcs']}+{url}@{source['commit_id']}" if source else url


def _requirements(installed: Distribution, extras: tuple[str, ...]) -> list[str]:
    """The requirements of some extras, those of extras that they name included."""
    found: dict[str, None] = {}
    for line in installed.requires or ():
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if extra is None or extra[1] not in extras:
            continue
        nested = re.fullmatch(r"foreword\[([\w,-]+)\]", requirement.strip())
        found |= dict.fromkeys(
            _requirements(installed, tuple(nested[1].split(","))) if nested else [requirement.strip()]
        )
    return list(found)


def _quoted(text: str) -> str:
    """A word of a command, always quoted: brackets and comparison signs mean something to a shell."""
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"
