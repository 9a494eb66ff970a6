"""Generator of the blocking client, `_sync`, from the asynchronous one, `_async`, so that both behave alike.

The two differ only in keywords and a few names, except in `waiting.py`, which is written by hand on both sides.
Comments and the order of lines are kept, so that a debugger steps through readable code.

Usage: python core/foreword/client/unasync.py
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

HERE = Path(__file__).parent
BY_HAND = {"__init__.py", "waiting.py"}

_HEADER = "# Generated from `_async/{name}` by `unasync.py`. Change that file, then run: make client\n\n"
_NAMES = {
    "AsyncClient": "Client",
    "AsyncGenerator": "Generator",
    "AsyncRetrying": "Retrying",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "_async": "_sync",
    "aclosing": "closing",
    "asynccontextmanager": "contextmanager",
}
_IN_TEXTS = {
    r"\basync (?=with|for|def)": "",
    r"\bawait ": "",
    r"\bbetween tasks\b": "between threads",
    **{rf"\b{name}\b": blocking for name, blocking in _NAMES.items()},
}


def generate() -> dict[str, str]:
    """Return the text of every generated module by file name."""
    return {path.name: _blocking(path) for path in sorted((HERE / "_async").glob("*.py")) if path.name not in BY_HAND}


def _blocking(path: Path) -> str:
    source = _HEADER.format(name=path.name) + _translate(path.read_text(encoding="utf-8"))
    target = str(HERE / "_sync" / path.name)
    # Joins lines that have become shorter, sorts imports, removes unused ones and introduces `yield from`.
    for command in (["check", "--fix", "--unsafe-fixes", "--select=F401,I,UP028", "--quiet"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", target, "-"]
        source = subprocess.run(ruff, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return source


def _translate(source: str) -> str:
    """Return the blocking counterpart of a module, not yet formatted."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    pieces: list[str] = []
    position = 0
    skipped: set[int] = set()
    for place, token in enumerate(tokens):
        begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        text = source[begin:end]
        if token.type == tokenize.NAME and text in ("async", "await"):
            following = tokens[place + 1].start
            text, end = "", starts[following[0] - 1] + following[1]
        elif token.type == tokenize.NAME and text == "Awaitable" and tokens[place + 1].string == "[":
            text = ""
            skipped |= {place + 1, _closing(tokens, place + 1)}
        elif [item.string for item in tokens[place : place + 3]] == ["grpc", ".", "aio"]:
            skipped |= {place + 1, place + 2}
        elif token.type == tokenize.NAME:
            text = _NAMES.get(text, text)
        elif token.type == tokenize.STRING:
            for pattern, replacement in _IN_TEXTS.items():
                text = re.sub(pattern, replacement, text)
        pieces += [source[position:begin], "" if place in skipped else text]
        position = end
    return "".join(pieces) + source[position:]


def _closing(tokens: list[tokenize.TokenInfo], opening: int) -> int:
    """Return the index of the token that closes the bracket at `opening`."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"[": 1, "]": -1}.get(tokens[place].string, 0)
        if depth == 0:
            return place
    raise AssertionError("tokenize rejects a bracket that is never closed")


if __name__ == "__main__":
    for name, text in generate().items():
        (HERE / "_sync" / name).write_text(text, encoding="utf-8")
