"""Creation of a plugin package from templates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final

from foreword import __version__
from foreword.cli.plugins.kinds import KINDS, Kind
from foreword.errors import AlreadyExistsError, InvalidArgumentError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def write_package(name: str, kinds: Sequence[str], folder: Path) -> Path:
    """Create the package.

    Args:
        kinds: Keys of `KINDS`.
        folder: Folder of the package, which must not exist.

    Returns:
        The folder.

    Raises:
        InvalidArgumentError: The name cannot be used.
        AlreadyExistsError: The folder exists, or a plugin or package of this name is installed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError.of(
            "NAME", f"{name[:80]!r} must be lower-case letters, digits and single hyphens, such as acme"
        )
    package = f"foreword_{name.replace('-', '_')}"
    if name in {point.name for point in entry_points(group="foreword")} or find_spec(package):
        raise AlreadyExistsError(
            f"A plugin {name!r} is already installed. Choose another name.", reason="PLUGIN_EXISTS"
        )
    if folder.exists():
        raise AlreadyExistsError(f"{folder} already exists. Choose another --folder.", reason="FOLDER_EXISTS")
    chosen = [KINDS[kind] for kind in dict.fromkeys(kinds)]
    names = {
        "name": name,
        "package": package,
        "id": name.replace("-", "_"),
        "version": __version__,
        "nouns": " and ".join(kind.noun for kind in chosen),
        "imports": "\n".join(f"from {package}.{kind.module} import {kind.item}" for kind in sorted_by_module(chosen)),
        "interfaces": ", ".join(sorted(kind.interface for kind in chosen)),
        "hooks": "\n\n\n".join(_hook(kind) for kind in chosen),
    }
    texts = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{package}/__init__.py": "init.py",
        f"{package}/plugin.py": "plugin.py",
    }
    for kind in chosen:
        texts[f"{package}/{kind.module}.py"] = f"{kind.module}.py"
        texts[f"tests/test_{kind.module}.py"] = f"tests/test_{kind.module}.py"
    for path, template in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (files(__package__) / "template" / f"{template}.in").read_text(encoding="utf-8")
        target.write_text(Template(text).substitute(names), encoding="utf-8")
    return folder


def sorted_by_module(kinds: Sequence[Kind]) -> list[Kind]:
    """Return the kinds in the order of import statements."""
    return sorted(kinds, key=lambda kind: kind.module)


def _hook(kind: Kind) -> str:
    return (
        f"@hookimpl\ndef {kind.hook}(register: Register[{kind.interface}]) -> None:\n"
        f'    """Add {kind.item}."""\n'
        f"    register.add({kind.item}())"
    )
