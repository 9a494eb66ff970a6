"""Files of rows with seeded changes, as transfers, editors and programs damage them."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator

_TEXTS = (
    "Where is it?",
    'He said "hi"; twice',
    "Größe, 3 x",
    "a\nb",
    "it's",
    "{x}",
    "[1]",
    "\U0001f600 ok",
    "1.0",
    "nan",
)
_LABELS = ("Warehouse", "Planning, Marketing", "1", "Qualität")
_MARKS = (
    b'"',
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b";",
    b"\t",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\x00",
    b"\xff",
)
_PIECES = (
    b"\xef\xbb\xbf",
    b"\\u",
    b"\\ud83d",
    b'""',
    b"\n\n",
    b"null",
    b"NaN",
    b"sep=;\n",
    b"input,output\n",
    b"}{",
    b"\xe4",
)


def _objects(source: random.Random) -> list[dict[str, str]]:
    return [
        {"input": f"{number} {source.choice(_TEXTS)}", "output": source.choice(_LABELS)}
        for number in range(source.randint(1, 12))
    ]


def _jsonl(source: random.Random) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _objects(source)).encode()


def _array(source: random.Random) -> bytes:
    return json.dumps(_objects(source), indent=source.choice((None, 2))).encode()


def _over_lines(source: random.Random) -> bytes:
    return "\n".join(json.dumps(row, indent=2) for row in _objects(source)).encode()


def _inside_object(source: random.Random) -> bytes:
    return json.dumps({"data": _objects(source), "end": 1}).encode()


def _table(source: random.Random) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=source.choice(",;\t"), lineterminator=source.choice(("\n", "\r\n")))
    writer.writerow(("input", "output"))
    writer.writerows(row.values() for row in _objects(source))
    return file.getvalue().encode()


def _twice(source: random.Random) -> bytes:
    return json.dumps(_jsonl(source).decode()).encode()


def _utf16(source: random.Random) -> bytes:
    return _table(source).decode().encode("utf-16")


def _insert(content: bytes, source: random.Random) -> bytes:
    place = source.randint(0, len(content))
    return content[:place] + source.choice(_MARKS + _PIECES) + content[place:]


def _remove(content: bytes, source: random.Random) -> bytes:
    place = source.randint(0, len(content))
    return content[:place] + content[place + source.choice((1, 1, 1, 2, 30)) :]


def _replace(content: bytes, source: random.Random) -> bytes:
    place = source.randint(0, len(content))
    return content[:place] + source.choice(_MARKS) + content[place + 1 :]


def _cut(content: bytes, source: random.Random) -> bytes:
    return content[: source.randint(0, len(content))]


def _repeat(content: bytes, source: random.Random) -> bytes:
    first, last = sorted(source.randint(0, len(content)) for _ in range(2))
    return content[:last] + content[first:last] + content[last:]


def _exchange(content: bytes, source: random.Random) -> bytes:
    first, second, third = sorted(source.randint(0, len(content)) for _ in range(3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


Make = Callable[[random.Random], bytes]
Change = Callable[[bytes, random.Random], bytes]

_KINDS: tuple[Make, ...] = (_jsonl, _array, _over_lines, _inside_object, _table, _twice, _utf16)
_CHANGES: tuple[Change, ...] = (_insert, _insert, _remove, _remove, _replace, _cut, _repeat, _exchange)


def mutated_files(count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield files of every layout that is read, each with one to four changes. The same seed gives the same files."""
    for number in range(count):
        source = random.Random(f"{seed} {number}")
        content = _KINDS[number % len(_KINDS)](source)
        for _ in range(source.randint(1, 4)):
            content = source.choice(_CHANGES)(content, source)
        yield content
