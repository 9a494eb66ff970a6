"""The setting FOREWORD_HUGGINGFACE_MODELS, which lists the models to offer.

Entries are separated by commas. An entry is a Hugging Face id, followed by `@` and a revision other than `main`, or a
folder (which begins with `/`, `.` or `~`), preceded by `name=` to replace the folder's own name. A final `#chat` or
`#plain` turns the model's chat template on or off:

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
    """A model to offer.

    Attributes:
        name: Hugging Face id, or the name for a folder.
        revision: Branch, tag or commit; ignored for a folder.
        folder: Folder of the files; None for a model from the hub.
        chat: Whether texts are formatted with the chat template; None decides by the name.
    """

    name: str
    revision: str = DEFAULT_REVISION
    folder: Path | None = None
    chat: bool | None = None

    @property
    def id(self) -> str:
        """The last part of the resource name."""
        return self.name.replace("/", "--")


def read_entries(text: str) -> tuple[tuple[ModelEntry, ...], dict[str, str]]:
    """Read the setting.

    Returns:
        The valid entries, and the problems of the invalid ones by name.
    """
    entries: dict[str, ModelEntry] = {}
    faults: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _read(part)
        if isinstance(found, str):
            faults[part.replace("/", "--")] = f"{VARIABLE} has the entry {part!r}: {found}"
        elif found.id in entries:
            faults[part.replace("/", "--")] = (
                f"{VARIABLE} lists {found.id!r} twice. Rename a folder with name=/path, or remove one of the entries."
            )
        else:
            entries[found.id] = found
    return tuple(entries.values()), faults


def _read(part: str) -> ModelEntry | str:
    """Parse an entry; return the problem if it is invalid."""
    part, hash, style = part.partition("#")
    if hash and style not in _STYLES:
        return f"the text after '#' is not a style. Use one of {', '.join(f'#{known}' for known in _STYLES)}."
    found = _read_place(part)
    return found if isinstance(found, str) else replace(found, chat=_STYLES.get(style))


def _read_place(part: str) -> ModelEntry | str:
    """Parse an entry without its style; return the problem if it is invalid."""
    name, equals, path = part.partition("=")
    name, path = name.strip(), path.strip()
    if equals or part.startswith(_FOLDER):
        folder = Path(path if equals else part).expanduser().absolute()
        name = name if equals else folder.name
        if not path and equals:
            return "the folder is missing. Write name=/path/to/folder."
        if not _NAME.fullmatch(name):
            return f"{name!r} is not a valid name. Use letters, digits, '_', '-' and '.': name=/path/to/folder."
        return ModelEntry(name=name, folder=folder)
    name, at, revision = part.partition("@")
    if not _NAME.fullmatch(name) or "--" in name:
        return (
            "it is not a Hugging Face id. Use an id such as google/flan-t5-base, or a folder that begins with '/', '.' "
            "or '~'."
        )
    if at and not _REVISION.fullmatch(revision):
        return "the text after '@' is not a revision. Use a branch, a tag or a commit."
    return ModelEntry(name=name, revision=revision or DEFAULT_REVISION)
