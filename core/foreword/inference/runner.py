"""One base model at work: it answers texts and scores labels, synchronously, for the engine and for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import torch
from cachetools import LRUCache

from foreword.domain.inference import GenerateParameters, StopReason
from foreword.errors import InvalidArgumentError
from foreword.inference.decoding.answer_text import decode
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import DecodedText, DecodeRow, RowEvent
from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.labels.scoring import ScoreRow, Scoring
from foreword.inference.model.adapter_effect import adapter_effect
from foreword.inference.model.adapter_loading import load_adapter
from foreword.inference.model.batching import length_groups
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.network_factory import make_network
from foreword.plugin.chat import chat_frame
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import encode_input, encode_targets, tokens_around
from foreword.plugin.interfaces import LabelSpace, LoadedModel

MAX_ROWS: Final = 32
"""Rows of one pass by default."""
MAX_PREFILL_TOKENS: Final = 4096
"""Tokens of one pass over inputs, padding included."""
_KEPT_LABEL_SPACES: Final = 4
"""Label spaces that `candidates` keeps. Evaluation scores one of them again and again."""
_PROBE_TEXT: Final = "The quick brown fox jumps over the lazy dog."
"""A text that is read with and without an adapter, to measure the adapter's effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One text to answer.

    Attributes:
        adapter: From `ModelRunner.load_adapter`; None for the base model as it is.
    """

    text: str
    adapter: LoadedAdapter | None = None
    parameters: GenerateParameters = field(default_factory=GenerateParameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAnswer:
    """An answer.

    Attributes:
        input_tokens: Special ones included, soft prompt not.
        generated_tokens: The end token counts.
    """

    text: str
    stop_reason: StopReason
    input_tokens: int
    generated_tokens: int


class ModelRunner:
    """The runner of one base model. It is not thread-safe: one thread owns torch.

    Args:
        model: A frozen model in eval mode.
        pack: Whether the runner has the model to itself, and may pack its weights where that is faster.

    Raises:
        FailedPreconditionError: The engine cannot serve such a network.
    """

    def __init__(self, model: LoadedModel, *, pack: bool = False) -> None:
        self.model = model
        self.network = make_network(model, pack=pack)
        self._frame = chat_frame(model.tokenizer, model.spec)
        self._candidates: LRUCache[LabelSpace, Candidates] = LRUCache(_KEPT_LABEL_SPACES)

    def tokenize(self, text: str) -> list[int]:
        """Return the token ids of an input, special tokens included."""
        return encode_input(self.model.tokenizer, text, frame=self._frame)

    def input_ids(self, text: str, truncate: int = 0, *, field: str = "parameters.truncate_input_tokens") -> list[int]:
        """Return the token ids of an input, cut to its last `truncate` tokens; 0 keeps all.

        The tokens that the tokenizer or the chat template puts around the text are kept, and count.

        Args:
            field: Name of `truncate` in the caller's request, for the error.

        Raises:
            InvalidArgumentError: `truncate` leaves nothing of the text.
        """
        ids = self.tokenize(text)
        if not truncate or len(ids) <= truncate:
            return ids
        before, after = tokens_around(self.model.tokenizer, ids, frame=self._frame)
        if truncate <= before + after:
            raise InvalidArgumentError.of(
                field, f"must be 0 or more than {before + after}, the tokens around the text, not {truncate}"
            )
        return ids[:before] + ids[len(ids) - truncate + before :]

    def token_texts(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Return the text of each token, and the names of special tokens."""
        tokenizer = self.model.tokenizer
        special = set(tokenizer.all_special_ids)
        return tuple(
            str(tokenizer.convert_ids_to_tokens(token)) if token in special else decode(tokenizer, [token])
            for token in ids
        )

    def load_adapter(self, contributions: Sequence[Contribution]) -> LoadedAdapter | None:
        """Bring what a tuning method contributes to the device; None where it contributes nothing.

        Raises:
            ArtifactError: It does not fit the base model.
        """
        return load_adapter(self.network, contributions)

    def longest_input(self, adapter: LoadedAdapter | None, candidates: Candidates | None = None) -> int:
        """Return the length in tokens of the longest input that leaves room for an answer.

        Args:
            candidates: The answers to score; None where an answer is generated, of which one token must fit.

        Raises:
            InvalidArgumentError: A candidate is too long for any input (field `labels`).
        """
        spec = self.model.spec
        room = self.network.context_room(adapter)
        if candidates is None:
            return room.longest_input(answer_tokens=1)
        answer, most = candidates.longest, room.longest_scored_answer(input_tokens=1)
        if answer > most:
            raise InvalidArgumentError.of(
                "labels",
                f"make answers of up to {answer} tokens, but the context of {spec.id} has room for {most}; shorten "
                "them",
                reason="LABELS_TOO_LONG",
            )
        # Nothing follows the last token of a candidate, so the model does not read it.
        return room.longest_input(answer_tokens=max(1, answer - 1))

    def check_length(
        self, num_tokens: int, adapter: LoadedAdapter | None, candidates: Candidates | None = None
    ) -> None:
        """Raise InvalidArgumentError when an input does not fit (field `text`), or no input would (`labels`).

        Args:
            candidates: The answers to score; None where an answer is generated.
        """
        spec = self.model.spec
        if not num_tokens:
            raise InvalidArgumentError.of("text", "must hold at least one token", reason="TEXT_EMPTY")
        most = self.longest_input(adapter, candidates)
        if num_tokens > most:
            length = adapter.length if adapter else 0
            takers = [f"the soft prompt takes {length}"] if length else []
            if candidates and length + most < spec.context_tokens:
                takers.append(f"the longest answer needs {spec.context_tokens - length - most}")
            taken = f", of which {' and '.join(takers)}" if takers else ""
            raise InvalidArgumentError.of(
                "text",
                f"has {num_tokens} tokens, but the context of {spec.id} is {spec.context_tokens} tokens{taken}; at "
                f"most {most} are left, so shorten it by {num_tokens - most} tokens",
                reason="TEXT_TOO_LONG",
            )

    def candidates(self, space: LabelSpace) -> Candidates:
        """Return the answers of a label space, as tokens; the last few are kept.

        Raises:
            InvalidArgumentError: The labels have too many tokens (field `labels`).
        """
        found = self._candidates.get(space)
        if found is None:
            found = self._candidates[space] = self.make_candidates(space)
        return found

    def make_candidates(self, space: LabelSpace) -> Candidates:
        """Convert the answers of a label space to tokens. Thread-safe, because it runs no network.

        Raises:
            InvalidArgumentError: The labels have too many tokens (field `labels`).
            CancelledError: The caller has gone; see `check_cancelled`.
        """
        return Candidates(space, partial(encode_targets, self.model), trees=self.network.can_branch)

    @torch.inference_mode()
    def generate(
        self,
        rows: Sequence[TextRow],
        *,
        max_rows: int = MAX_ROWS,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> list[TextAnswer]:
        """Answer texts in a batch that rows join and leave. Only the engine keeps time limits.

        Args:
            should_stop: Called between tokens; True ends all rows, as CANCELLED.
            on_progress: Called with the number of finished rows.

        Raises:
            InvalidArgumentError: A text is empty or too long.
        """
        ids = [self.input_ids(row.text, row.parameters.truncate_input_tokens) for row in rows]
        for tokens, row in zip(ids, rows, strict=True):
            self.check_length(len(tokens), row.adapter)
        lengths = [
            len(tokens) + (row.adapter.length if row.adapter else 0) for tokens, row in zip(ids, rows, strict=True)
        ]
        waiting = length_groups(lengths, max_rows=max_rows, max_tokens=MAX_PREFILL_TOKENS)
        batch = DecodeBatch(self.network)
        places: dict[object, int] = {}
        answers: dict[int, DecodedText] = {}

        def take(events: Sequence[RowEvent]) -> None:
            for event in events:
                if event.final is not None:
                    answers[places[event.row]] = event.final
                    on_progress(len(answers))

        while (waiting or batch.rows) and not should_stop():
            while waiting and (not batch.rows or len(batch) + len(waiting[-1]) <= max_rows):
                group = waiting.pop()
                new, events = batch.join(
                    [
                        DecodeRow(ids=ids[place], adapter=rows[place].adapter, parameters=rows[place].parameters)
                        for place in group
                    ]
                )
                places.update(zip(new, group, strict=True))
                take(events)
            take(batch.step())
        take(batch.remove(list(batch.rows), StopReason.CANCELLED))
        cancelled = DecodedText(text="", stop_reason=StopReason.CANCELLED, ids=())
        finals = [answers.get(place, cancelled) for place in range(len(rows))]
        return [
            TextAnswer(
                text=final.text,
                stop_reason=final.stop_reason,
                input_tokens=len(tokens),
                generated_tokens=final.token_count,
            )
            for final, tokens in zip(finals, ids, strict=True)
        ]

    @torch.inference_mode()
    def score_label_sets(
        self,
        rows: Sequence[TextRow],
        space: LabelSpace,
        *,
        max_rows: int = MAX_ROWS,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> list[ScoredSets]:
        """Score the answers of a closed task; of the parameters of the rows, only `truncate_input_tokens` counts.

        Args:
            should_stop: Called between passes; True returns an empty list.
            on_progress: Called with the number of finished rows.

        Raises:
            InvalidArgumentError: A text is empty, or too long for an answer to follow.
            ArtifactError: An adapter makes the model overflow.
        """
        candidates = self.candidates(space)
        ids = [self.input_ids(row.text, row.parameters.truncate_input_tokens) for row in rows]
        for tokens, row in zip(ids, rows, strict=True):
            self.check_length(len(tokens), row.adapter, candidates)
        score_rows = [
            ScoreRow(ids=tokens, candidates=candidates, adapter=row.adapter)
            for tokens, row in zip(ids, rows, strict=True)
        ]
        found: dict[int, ScoredSets] = {}
        for group in self.score_groups(score_rows, max_rows=max_rows):
            scoring = Scoring(self.network, [score_rows[place] for place in group])
            while waiting := scoring.unfinished:
                if should_stop():
                    return []
                scoring.run(waiting)
            for number, place in enumerate(group):
                found[place] = scoring.scored(number)
                found[place].check()
            on_progress(len(found))
        return [found[place] for place in range(len(rows))]

    def score_groups(self, rows: Sequence[ScoreRow], *, max_rows: int = MAX_ROWS) -> list[list[int]]:
        """Group the places of rows to begin together: the logits of a pass over all of them are in memory at once."""
        return length_groups([row.first_tokens for row in rows], max_rows=max_rows, max_tokens=MAX_PREFILL_TOKENS)

    @torch.inference_mode()
    def probe(self, adapter: LoadedAdapter | None) -> float:
        """Measure the largest change in nats that an adapter makes to the log-probability of a next token.

        Raises:
            FailedPreconditionError: It changes nothing, or makes numbers that are not finite.
        """
        if adapter is None:
            return 0.0
        longest = max(1, self.longest_input(adapter))
        return adapter_effect(self.network, adapter, self.tokenize(_PROBE_TEXT)[:longest])
