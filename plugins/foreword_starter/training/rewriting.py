"""Rewriting tasks: free answers derived from the input by a rule that only the prompt specifies."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from foreword_starter.training.corpus import Corpus, sentences

_LONGEST: Final = 200
"""Maximum length of an input, in characters."""

_COPIES: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text,
    str.lower,
    str.upper,
    lambda text: text.replace(" ", "\n", 3),
    lambda text: "\n".join(f"- {part.strip()}" for part in text.split(",")),
    lambda text: " ".join(text.split()[:5]),
    lambda text: " ".join(text.split()[-5:]),
    lambda text: text.rstrip(".!?") + "!",
    lambda text: text.split(",")[0],
    lambda text: text.title(),
)
_SPOILERS: Final[tuple[Callable[[str], str], ...]] = (
    str.lower,
    lambda text: "".join(letter for letter in text if letter.isalnum() or letter == " "),
    lambda text: text.replace("e", ""),
    lambda text: " ".join(word[:4] for word in text.split()),
)
_OPENINGS: Final = (
    "", "", "Dear team,\n", "Request: ", "The customer says: ", "Note:\n", "Thank you for your message. ", "> ", "RE: ",
    "Summary - ", "[open] ", "Hello,\n\n", "We heard: ",
)  # fmt: skip
_CLOSINGS: Final = (
    "", "", "\nKind regards", " Please advise.", "\n--\nSupport", " (end)", " We are sorry.", " Thank you!",
    "\nStatus: new",
)  # fmt: skip


def draw_rewriting(corpus: Corpus, generator: Random, most: int) -> list[tuple[str, str]]:
    """Draw a rule and return pairs of inputs and answers."""
    rule = generator.random()
    if rule < 0.45:
        copy, opening, closing = generator.choice(_COPIES), generator.choice(_OPENINGS), generator.choice(_CLOSINGS)
        return [(text, f"{opening}{copy(text)}{closing}") for text in _texts(corpus, generator, most)]
    if rule < 0.6:
        spoil = generator.choice(_SPOILERS)
        return [(spoil(text), text) for text in _texts(corpus, generator, most)]
    if rule < 0.7:
        rows = generator.sample(corpus.glossary, min(most, len(corpus.glossary)))
        pairs = [(row.text, row.summary) for row in rows]
        return pairs if generator.random() < 0.5 else [(answer, text) for text, answer in pairs]
    if rule < 0.85:
        turns = generator.sample(corpus.turns, most)
        return [(turn.said, turn.answer) for turn in turns]
    summaries = generator.sample(corpus.summaries, min(most, len(corpus.summaries)))
    return [(row.text, row.summary) for row in summaries]


def _texts(corpus: Corpus, generator: Random, most: int) -> list[str]:
    """Draw unchanged sentences of a random source."""
    source = generator.choice(("opinions", "dialogue", "paragraphs"))
    if source == "opinions":
        found = [row.text for row in generator.sample(corpus.opinions, most)]
    elif source == "dialogue":
        found = [row.text for row in generator.sample(corpus.intents["dialogue"], most)]
    else:
        found = [text for row in generator.sample(corpus.paragraphs, most // 3) for text in sentences(row)]
    return [text for text in found if 10 < len(text) <= _LONGEST]
