"""The training texts, read from the folder that README.md describes.

Rows that the benchmarks measure on are excluded here: they cannot measure a model that has seen them.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

HELD_OUT_INTENTS: Final = {
    "banking": frozenset({
        "automatic_top_up", "pending_top_up", "top_up_by_bank_transfer_charge", "top_up_failed", "top_up_limits",
        "top_up_reverted", "topping_up_by_card", "verify_top_up",
    }),
    "home": frozenset({
        "iot_cleaning", "iot_coffee", "iot_hue_lightchange", "iot_hue_lightdim", "iot_hue_lightoff", "iot_hue_lighton",
        "iot_hue_lightup", "iot_wemo_off", "iot_wemo_on",
    }),
    "assistant": frozenset({
        "gas", "gas_type", "jump_start", "last_maintenance", "mpg", "oil_change_how", "oil_change_when",
        "schedule_maintenance", "tire_change", "tire_pressure",
    }),
}  # fmt: skip
"""Intents excluded from training: top-ups, lights and appliances at home, cars."""

HELD_OUT_SUMMARY_SHARE: Final = 0.1
"""Share of the summaries excluded from training, chosen by a hash of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """A text and its labels, named as in its source."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A sentence and its rating by people, from -4 to 4."""

    source: str
    text: str
    rating: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """An instruction in text, generated from a template."""

    template: str
    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A dialogue turn and the answer to it."""

    said: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A text and its summary in one sentence, or a meaning and its term."""

    text: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The whole training corpus.

    Attributes:
        intents: Texts by source; each has one label, those of dialogues one or more.
        emotions: Texts with one to five of 28 labels.
        paragraphs: Paragraphs of textbooks.
        glossary: Meanings and their terms.
    """

    intents: dict[str, tuple[LabelledText, ...]]
    emotions: tuple[LabelledText, ...]
    opinions: tuple[Opinion, ...]
    instructions: tuple[Instruction, ...]
    turns: tuple[Turn, ...]
    summaries: tuple[Summary, ...]
    glossary: tuple[Summary, ...]
    paragraphs: tuple[str, ...]

    def texts(self) -> list[str]:
        """Return all texts as sentences or short pieces, in a fixed order, to train the tokenizer on."""
        found = [row.text for rows in self.intents.values() for row in rows]
        found += [row.text for row in self.emotions] + [row.text for row in self.opinions]
        found += [row.text for row in self.glossary] + [turn.answer for turn in self.turns]
        for text in (*self.paragraphs, *(row.input for row in self.instructions), *(s.text for s in self.summaries)):
            found += [sentence for sentence in sentences(text) if len(sentence) > 15]
        return list(dict.fromkeys(found))


def read_corpus(folder: Path) -> Corpus:
    """Read the corpus folder, without the held-out rows.

    Raises:
        FileNotFoundError: A file is missing; the message names it.
    """
    dialogues = list(_records(folder, "dialogues"))
    return Corpus(
        intents={
            **{name: _intents(folder, name) for name in ("banking", "home", "assistant")},
            "dialogue": tuple(_requests(dialogues)),
        },
        emotions=tuple(
            LabelledText(text=record["text"], labels=tuple(record["labels"])) for record in _records(folder, "emotions")
        ),
        opinions=tuple(Opinion(**record) for record in _records(folder, "opinions")),
        instructions=tuple(
            Instruction(template=record["task"], input=record["input"], output=record["output"])
            for record in _records(folder, "instructions")
        ),
        turns=tuple(_turns(dialogues)),
        summaries=tuple(
            Summary(**record) for record in _records(folder, "tldr") if not summary_is_held_out(record["text"])
        ),
        glossary=tuple(
            Summary(text=record["meaning"], summary=record["term"]) for record in _records(folder, "glossary")
        ),
        paragraphs=tuple(record["text"] for record in _records(folder, "textbooks")),
    )


def read_held_out_intents(folder: Path, source: str) -> list[LabelledText]:
    """Return the rows of a source's held-out intents, for benchmarks only."""
    rows = _labelled(folder, source)
    return [row for row in rows if row.labels[0] in HELD_OUT_INTENTS[source]]


def read_held_out_summaries(folder: Path) -> list[Summary]:
    """Return the held-out summaries, for benchmarks only."""
    return [Summary(**record) for record in _records(folder, "tldr") if summary_is_held_out(record["text"])]


def summary_is_held_out(text: str) -> bool:
    """Return True if a text's summary is excluded from training."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SUMMARY_SHARE


def sentences(text: str) -> list[str]:
    """Split a text at line breaks and after full stops, question marks and exclamation marks."""
    return [piece.strip() for piece in re.split(r"\n+|(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])", text) if piece.strip()]


def readable(label: str) -> str:
    """Return a source's label as words: `top_up_failed` and `FindEvents` become `top up failed` and `find events`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label.replace("_", " ").replace("?", ""))
    return " ".join(spaced.split()).lower()


def _records(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with lzma.open(folder / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _labelled(folder: Path, source: str) -> list[LabelledText]:
    return [
        LabelledText(text=record["text"], labels=(record["label"],)) for record in _records(folder, f"{source}_intents")
    ]


def _intents(folder: Path, source: str) -> tuple[LabelledText, ...]:
    return tuple(row for row in _labelled(folder, source) if row.labels[0] not in HELD_OUT_INTENTS[source])


def _requests(dialogues: list[dict[str, Any]]) -> Iterator[LabelledText]:
    """Yield the informative turns of users; short turns only confirm or choose."""
    for dialogue in dialogues:
        for speaker, text, intents in dialogue["turns"]:
            if speaker == "user" and intents and len(text) > 30:
                yield LabelledText(text=text, labels=tuple(dict.fromkeys(intents)))


def _turns(dialogues: list[dict[str, Any]]) -> Iterator[Turn]:
    for dialogue in dialogues:
        turns = dialogue["turns"]
        for (_, said, _), (_, answer, _) in pairwise(turns):
            yield Turn(said=said, answer=answer)
