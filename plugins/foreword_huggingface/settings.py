"""FOREWORD_HUGGINGFACE_MODELS: which models are offered.

A list of entries with commas between them. An entry is a Hugging Face id, with `@` and a revision if not `main`, or a
folder (it begins with `/`, `.` or `~`), with a name and `=` in front if it is not to be called by the folder's own.
`#chat` or `#plain` behind it says whether texts are put into the model's chat template:

    google/flan-t5-base, ibm-granite/granite-3.1-2b-base@v1, complaints-t5=/models/t5, /models/llama#chat
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

VARIABLE: Final = "FOREWORD_HUGGINGFACE_MODELS"
DEFAULT_REVISION: Final = "main"

_WORD: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_WORD}(?:/{_WORD})?")
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_STYLES: Final = {"chat": True, "plain": False}
_FOLDER: Final = ("/", ".", "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model to offer.

    Attributes:
        name: Hugging Face id, or what a folder is to be called.
        revision: Branch, tag or commit; of no use for a folder.
        folder: Where the files lie; None for a model of the hub.
        chat: Whether texts are put into the chat template; None decides by the name.
    """

    name: str
    revision: str = DEFAULT_REVISION
    folder: Path | None = None
    chat: bool | None = None

    @property
    def id(self) -> str:
        """Last part of its resource name."""
        return self.name.replace("/", "--")


def read_entries(text: str) -> tuple[tuple[ModelEntry, ...], dict[str, str]]:
    """Reads the setting.

    Returns:
        The entries, and by name what is wrong with those that cannot be used.
    """
    entries: dict[str, ModelEntry] = {}
    faults: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _read(part)
        if isinstance(found, str):
            faults[part.replace("/", "--")] = f"{VARIABLE} has the entry {part!r}: {found}"
        elif found.id in entries:
            faults[part.replace("/", "--")] = (
                f"{VARIABLE} names {found.id!r} twice. Give a folder another name with name=/path, or remove one."
            )
        else:
            entries[found.id] = found
    return tuple(entries.values()), faults


def _read(part: str) -> ModelEntry | str:
    """An entry, or what is wrong with it."""
    part, hash, style = part.partition("#")
    if hash and style not in _STYLES:
        return f"what follows '#' is no style. Write one of {', '.join(f'#{known}' for known in _STYLES)}."
    found = _read_place(part)
    return found if isinstance(found, str) else replace(found, chat=_STYLES.get(style))


def _read_place(part: str) -> ModelEntry | str:
    """An entry without its style, or what is wrong with it."""
    name, equals, path = part.partition("=")
    name, path = name.strip(), path.strip()
    if equals or part.startswith(_FOLDER):
        folder = Path(path if equals else part).expanduser().absolute()
        name = name if equals else folder.name
        if not path and equals:
            return "the folder is missing. Write name=/path/to/folder."
        if not _NAME.fullmatch(name):
            return f"{name!r} cannot be a model's name. Use letters, digits, '_', '-' and '.': name=/path/to/folder."
        return ModelEntry(name=name, folder=folder)
    name, at, revision = part.partition("@")
    if not _NAME.fullmatch(name) or "--" in name:
        return "it is no Hugging Face id, such as google/flan-t5-base. A folder begins with '/', '.' or '~'."
    if at and not _REVISION.fullmatch(revision):
        return "what follows '@' is no revision. Name a branch, a tag or a commit."
    return ModelEntry(name=name, revision=revision or DEFAULT_REVISION)
