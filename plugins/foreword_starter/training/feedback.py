"""Generated customer feedback, the kind of text that the embedded model is meant for and its corpus has little of.

The texts have no labels; the encoder learns the teacher's vectors of them. `feedback.toml` holds the pieces.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

_PIECES: Final = Path(__file__).with_name("feedback.toml")
_SLOT: Final = re.compile(r"\{(\w+)\}")


def made_up_feedback(count: int, generator: Random) -> list[str]:
    """Generate different texts of one or two sentences, some of them angry, careless or polite.

    Raises:
        ValueError: The pieces do not yield enough different texts.
    """
    found: dict[str, None] = {}
    for _ in range(count * 4):
        found[_text(generator)] = None
        if len(found) == count:
            return list(found)
    raise ValueError(
        f"The pieces yielded {len(found)} different texts in {count * 4} attempts, not {count}. "
        "Lower space_feedback or add pieces to feedback.toml."
    )


def _text(generator: Random) -> str:
    words, sentences = _pieces()
    kinds = generator.choices(sorted(sentences), k=2)
    first = _fill(generator.choice(sentences[kinds[0]]), words, generator)
    if generator.random() < 0.25:
        second = _fill(generator.choice(sentences[kinds[1]]), words, generator)
        first = f"{first}{generator.choice((', and ', ' and ', '. ', '; ', ', '))}{second}"
    if generator.random() < 0.3:
        start = generator.choice(words["start"])
        first = f"{start} {first}"
    text = ". ".join(part[:1].upper() + part[1:] for part in first.split(". "))
    if text[-1] not in ".?!":
        text += generator.choices((".", "!", "", "!!!"), (6, 2, 1, 1))[0]
    if generator.random() < 0.25:
        text = f"{text} {generator.choice(words['end'])}"
    return text.lower() if generator.random() < 0.08 else text


def _fill(sentence: str, words: Mapping[str, Sequence[str]], generator: Random) -> str:
    return _SLOT.sub(lambda slot: generator.choice(words[slot[1]]), sentence)


@cache
def _pieces() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Read the words by slot and the sentences by topic."""
    tables: dict[str, Any] = tomllib.loads(_PIECES.read_text(encoding="utf-8"))
    return tables["words"], tables["sentences"]
