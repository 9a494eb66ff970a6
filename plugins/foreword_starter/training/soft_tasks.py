"""Tasks that only a soft prompt specifies, with no instruction in the text, as after deployment.

Every task is generated anew with its own labels, so that the model cannot memorise a fixed set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from foreword_starter.training.corpus import Corpus, LabelledText, Opinion, readable
from foreword_starter.training.label_names import LabelNames
from foreword_starter.training.rewriting import draw_rewriting
from foreword_starter.training.sentence_space import SentenceSpace

_Row = tuple[tuple[str, ...], list[str]]
"""The texts of a row, which are joined if there are several, and its labels."""

_MAX_ROWS: Final = 600
_JOINED_SHARE: Final = 0.15
"""Share of extra rows, in a task that joins messages, that hold two messages and the labels of both."""
_TEMPLATES: Final = (
    "Message: {text}\nDepartment:", "Comment: {text}\nLabel:\n", "Text: {text}", '"{text}"', "INPUT {text}",
    "Customer: {text}\nAnswer:", "Review: {text}\nSentiment:\n", "{text}\n\nCategory:", "Ticket\n{text}",
    "Subject: request\n{text}",
)  # fmt: skip
_TEMPLATE_SHARE: Final = 0.3
_SEPARATORS: Final = (", ", ", ", ", ", ", ", "; ", " | ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text with its answer.

    Attributes:
        sources: The original texts, without the template; two if messages are joined.
        labels: The labels in the answer; empty for free text.
    """

    text: str
    answer: str
    sources: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftTask:
    """A task with its examples.

    Attributes:
        kind: Name of the kind, for the log.
        labels: All labels, in the order in which answers list them; empty for free text.
    """

    kind: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]


class SoftTasks:
    """A generator of tasks.

    Args:
        space: The sentence space that the `directions` tasks draw from.
    """

    def __init__(self, corpus: Corpus, space: SentenceSpace) -> None:
        self._corpus = corpus
        self._space = space
        self._names = LabelNames(corpus)
        self._by_intent = {source: _group(rows) for source, rows in corpus.intents.items()}
        self._by_emotion = _group(corpus.emotions)
        self._by_source: dict[str, list[Opinion]] = {}
        for opinion in corpus.opinions:
            self._by_source.setdefault(opinion.source, []).append(opinion)
        self._kinds: tuple[tuple[float, Callable[[Random], SoftTask]], ...] = (
            (0.30, self._directions), (0.16, self._departments), (0.07, self._intents), (0.07, self._emotions),
            (0.10, self._sentiment), (0.30, self._rewriting),
        )  # fmt: skip

    def draw(self, generator: Random) -> SoftTask:
        """Draw a task."""
        make = generator.choices([make for _, make in self._kinds], [weight for weight, _ in self._kinds])[0]
        return make(generator)

    def draw_named(self, generator: Random) -> SoftTask:
        """Draw a task whose labels are meaningful names, so that an instruction in text can specify it too."""
        make = generator.choice((self._intents, self._emotions, self._sentiment))
        return make(generator, named=True)

    def _directions(self, generator: Random) -> SoftTask:
        """Draw labels for directions of meaning, which a regression on sentence vectors could separate."""
        labels = self._names.draw(generator, generator.randint(2, 8))
        rows = self._space.draw(generator, num_labels=len(labels), num_rows=_MAX_ROWS)
        return _task(
            "directions", labels, [((text,), [labels[place] for place in places]) for text, places in rows], generator
        )

    def _departments(self, generator: Random) -> SoftTask:
        """Assign intents to invented departments, some intents to two of them."""
        labels = self._names.draw(generator, generator.randint(2, 8))
        intents = self._some_intents(generator, generator.randint(len(labels), 4 * len(labels)))
        shared = generator.choice((0.0, 0.3, 0.6))
        rows: list[_Row] = []
        for place, texts in enumerate(intents.values()):
            in_charge = {labels[place % len(labels)]}
            if generator.random() < shared:
                in_charge.add(generator.choice(labels))
            rows += [((text,), sorted(in_charge, key=labels.index)) for text in texts]
        if shared:
            rows = _joined(rows, labels, generator)
        return _task("departments", labels, rows, generator)

    def _intents(self, generator: Random, *, named: bool = True) -> SoftTask:
        """Draw intents under their own names."""
        intents = self._some_intents(generator, generator.randint(2, 12))
        case = self._names.draw_case(generator)
        names = {intent: case(readable(intent)) for intent in intents}
        rows = [((text,), [names[intent]]) for intent, texts in intents.items() for text in texts]
        return _task("intents", tuple(dict.fromkeys(names.values())), rows, generator)

    def _emotions(self, generator: Random, *, named: bool = False) -> SoftTask:
        """Draw some of 28 emotions, under their own names or invented ones."""
        emotions = generator.sample(sorted(self._by_emotion), generator.randint(2, 9))
        case = self._names.draw_case(generator)
        own = named or generator.random() < 0.6
        labels = tuple(map(case, emotions)) if own else self._names.draw(generator, len(emotions))
        names = dict(zip(emotions, labels, strict=True))
        texts = {
            text: found for emotion in emotions for text, found in self._some(self._by_emotion[emotion], generator)
        }
        rows = [
            ((text,), [names[emotion] for emotion in emotions if emotion in found]) for text, found in texts.items()
        ]
        return _task("emotions", labels, rows, generator)

    def _sentiment(self, generator: Random, *, named: bool = False) -> SoftTask:
        """Draw a rating task with two, three or five steps, sometimes combined with the topic."""
        steps = generator.choice((2, 2, 2, 3, 5))
        cuts = {2: (0.0,), 3: (-0.8, 0.8), 5: (-2.0, -0.6, 0.6, 2.0)}[steps]
        names = self._names.draw_scale(generator, steps, may_reverse=not named)
        sources = sorted(self._by_source)
        if generator.random() < 0.6:
            sources = [generator.choice(sources)]
        kinds: dict[str, str] = {}
        if not named and len(sources) > 1 and generator.random() < 0.5:
            kinds = dict(zip(sources, self._names.draw(generator, len(sources)), strict=True))
        rows = []
        for source in sources:
            for opinion in self._by_source[source]:
                if steps == 2 and abs(opinion.rating) < 0.7:
                    continue
                step = sum(opinion.rating > cut for cut in cuts)
                rows.append(((opinion.text,), [*([kinds[source]] if kinds else []), names[step]]))
        labels = tuple(dict.fromkeys([*kinds.values(), *names]))
        return _task("sentiment", labels, rows, generator)

    def _rewriting(self, generator: Random) -> SoftTask:
        """Draw a task whose answers are free text, derived from the input by a rule."""
        pairs = draw_rewriting(self._corpus, generator, _MAX_ROWS)
        return SoftTask(
            kind="rewriting",
            labels=(),
            examples=tuple(Example(text=text, answer=answer, sources=(text,)) for text, answer in pairs),
        )

    def _some_intents(self, generator: Random, count: int) -> dict[str, list[str]]:
        """Draw the texts of some intents, usually of one source."""
        sources = sorted(self._by_intent)
        if generator.random() < 0.7:
            sources = [generator.choice(sources)]
        names = [(source, intent) for source in sources for intent in self._by_intent[source]]
        chosen = generator.sample(names, min(count, len(names)))
        return {
            intent: [text for text, _ in self._some(self._by_intent[source][intent], generator)]
            for source, intent in chosen
        }

    @staticmethod
    def _some(
        rows: Sequence[tuple[str, tuple[str, ...]]], generator: Random, most: int = 150
    ) -> Sequence[tuple[str, tuple[str, ...]]]:
        return generator.sample(rows, min(most, len(rows)))


def _group(rows: Sequence[LabelledText]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Group the texts, with all their labels, by each label."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for row in rows:
        for label in row.labels:
            found.setdefault(label, []).append((row.text, row.labels))
    return found


def _joined(rows: list[_Row], labels: Sequence[str], generator: Random) -> list[_Row]:
    """Add rows that hold two messages in one text."""
    pairs = []
    for _ in range(int(len(rows) * _JOINED_SHARE)):
        (first, some), (second, others) = generator.choice(rows), generator.choice(rows)
        pairs.append(((*first, *second), sorted({*some, *others}, key=labels.index)))
    return rows + pairs


def _task(kind: str, labels: Sequence[str], rows: Sequence[_Row], generator: Random) -> SoftTask:
    """Build a task from rows, with one template and one answer format."""
    template = generator.choice(_TEMPLATES) if generator.random() < _TEMPLATE_SHARE else "{text}"
    separator = generator.choice(_SEPARATORS)
    chosen = generator.sample(rows, min(len(rows), _MAX_ROWS))
    examples = [
        Example(
            text=template.replace("{text}", " ".join(sources)),
            answer=separator.join(found),
            sources=sources,
            labels=tuple(found),
        )
        for sources, found in chosen
    ]
    return SoftTask(kind=kind, labels=tuple(labels), examples=tuple(examples))
