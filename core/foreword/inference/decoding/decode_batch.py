"""Continuous batching: rows join and leave the batch between any two tokens.

Choosing, counting and ending are done for all rows at once on tensors; Python looks at single rows only where text is
streamed or watched for stop sequences, and when a row ends.

Legend: B rows, E end tokens, T tokens fed at once, t tokens of a part of them, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foreword.domain.inference import StopReason
from foreword.inference.decoding.answer_text import adds_space, whole_text
from foreword.inference.decoding.choice import Choice, Work
from foreword.inference.decoding.input_details import feed_detailed
from foreword.inference.decoding.rows import ActiveRow, DecodedText, DecodeRow, RowEvent
from foreword.inference.model.decoding_network import DecodingNetwork, NetworkInput
from foreword.inference.model.prefill import feed_first
from foreword.inference.model.sequences import Sequences
from foreword.plugin.encoding import end_token, forced_first_token


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRows:
    """Rows whose inputs were read and whose first tokens were chosen, but which have not joined a batch yet.

    Attributes:
        rows: The requested rows.
        events: Their events. Rows that ended with their first token are in no group.
        groups: Those that were begun together.
    """

    rows: list[ActiveRow]
    events: list[RowEvent]
    groups: list[DecodeBatch]


class DecodeBatch:
    """The rows of one base model that are being decoded together.

    Not thread-safe: one thread owns torch. Call inside `torch.inference_mode`.
    """

    def __init__(self, network: DecodingNetwork) -> None:
        model = network.model
        self._network = network
        self._tokenizer = model.tokenizer
        self._strip_space = adds_space(model.tokenizer)
        self._first = forced_first_token(model)
        self._ends_E = torch.tensor(_end_tokens(network), device=network.device)
        self.rows: list[ActiveRow] = []
        self._sequences: Sequences | None = None
        self._choice: Choice | None = None
        self._work = Work()
        self._any_watched = False

    def __len__(self) -> int:
        return len(self.rows)

    def join(self, rows: Sequence[DecodeRow]) -> tuple[list[ActiveRow], list[RowEvent]]:
        """Read the inputs of new rows, choose their first tokens and add them to the batch.

        Returns:
            The new rows in order, and their events. Rows that ended with their first token have not joined.
        """
        begun = self.begin(rows)
        self.absorb(begun)
        return begun.rows, begun.events

    def begin(self, rows: Sequence[DecodeRow]) -> BegunRows:
        """Read the inputs of new rows and choose their first tokens. This batch stays the same, even on an error."""
        new = [ActiveRow(row, self._tokenizer, strip_space=self._strip_space) for row in rows]
        events, groups = list[RowEvent](), list[DecodeBatch]()
        for group in self._groups(new):
            begun = DecodeBatch(self._network)
            events += begun._begin(group)
            groups.append(begun)
        return BegunRows(rows=new, events=events, groups=groups)

    def absorb(self, begun: BegunRows) -> None:
        """Add rows that were begun. After an error the batch is unusable, as some layers may hold the rows."""
        for group in begun.groups:
            self._absorb(group)

    def step(self) -> list[RowEvent]:
        """Generate one token for every row, and remove rows that end."""
        if not self.rows:
            return []
        assert self._sequences is not None
        assert self._choice is not None
        logits_B1V = self._network.feed(self._sequences, self._choice.last_B[:, None])
        return self._advance(logits_B1V[:, 0])

    def remove(self, rows: Sequence[ActiveRow], reason: StopReason) -> list[RowEvent]:
        """Remove rows and return their answers as they are. Rows that have left already are ignored."""
        gone = set(rows)
        places = [place for place, row in enumerate(self.rows) if row in gone]
        events = [self._finish(place, "", reason) for place in places]
        self._keep([place for place in range(len(self.rows)) if self.rows[place] not in gone])
        return events

    def clear(self) -> None:
        """Drop all rows without an operation on the device, which may be what failed."""
        self.rows = []
        self._sequences = self._choice = None
        self._work, self._any_watched = Work(), False

    def _groups(self, rows: Sequence[ActiveRow]) -> list[list[ActiveRow]]:
        """Group rows to begin together. One with details of its input is alone, as these take all columns' logits."""
        if not self._network.model.spec.is_causal:
            return [list(rows)]
        alone = [row for row in rows if row.options.input_details]
        others = [row for row in rows if not row.options.input_details]
        return [*([others] if others else []), *([row] for row in alone)]

    def _begin(self, rows: list[ActiveRow]) -> list[RowEvent]:
        """Read inputs and choose the first tokens, in an empty batch."""
        network = self._network
        self.rows = rows
        sequences, ids_BT, valid_BT = network.begin(
            [NetworkInput(ids=row.row.ids, adapter=row.row.adapter) for row in rows]
        )
        causal = network.model.spec.is_causal
        if causal and rows[0].options.input_details:
            logits_BV, rows[0].input_details = feed_detailed(
                network, sequences, ids_BT, top=rows[0].options.top_n_tokens
            )
        else:
            logits_BV = feed_first(network, sequences, ids_BT, valid_BT)[:, -1]
        self._sequences = sequences
        self._choice = Choice.begin(
            [row.row.parameters for row in rows],
            most=[self._most_tokens(row.row) for row in rows],
            seen=[row.row.ids if causal else () for row in rows],
            vocabulary=logits_BV.shape[1],
            device=network.device,
        )
        self._look()
        return self._advance(logits_BV)

    def _most_tokens(self, row: DecodeRow) -> int:
        """Return the most tokens that a row may generate."""
        room = self._network.context_room(row.adapter).longest_answer(input_tokens=len(row.ids))
        return min(row.parameters.max_new_tokens, room)

    def _advance(self, logits_BV: Tensor) -> list[RowEvent]:
        """Choose the next token of every row, and remove rows that end."""
        choice = self._choice
        assert choice is not None
        ids_B = choice.advance(logits_BV.float(), self._work, ends_E=self._ends_E, first=self._first)
        ended_B = torch.isin(ids_B, self._ends_E)
        done_B = ended_B | (choice.count_B >= choice.most_B)
        if not self._any_watched and not bool(done_B.any()):
            return []
        events, kept = [], []
        news = zip(self.rows, ids_B.tolist(), ended_B.tolist(), done_B.tolist(), strict=True)
        for place, (row, token, ended, done) in enumerate(news):
            piece = row.push(token) if row.watched else ""
            if row.stopped:
                events.append(self._finish(place, piece, StopReason.STOP_SEQUENCE))
            elif done:
                reason = StopReason.EOS_TOKEN if ended else StopReason.MAX_TOKENS
                events.append(self._finish(place, piece, reason))
            else:
                kept.append(place)
                if piece and row.row.stream:
                    events.append(RowEvent(row=row, piece=piece))
        self._keep(kept)
        return events

    def _finish(self, place: int, piece: str, reason: StopReason) -> RowEvent:
        """Make the last event of a row that is still in the batch."""
        choice = self._choice
        assert choice is not None
        row = self.rows[place]
        count = int(choice.count_B[place])
        ids = choice.tokens_BN[place, :count].tolist()
        if row.watched:
            piece += row.finish()
            text = row.text
        else:
            text = whole_text(self._tokenizer, ids, strip_space=self._strip_space)
            piece = text
        options = row.options
        final = DecodedText(
            text=text,
            stop_reason=reason,
            ids=tuple(ids),
            details=choice.details.of_row(place, count, options.top_n_tokens) if options.generated_details else (),
            input_details=row.input_details,
        )
        return RowEvent(row=row, piece=piece if row.row.stream else text, final=final)

    def _keep(self, places: list[int]) -> None:
        """Keep only the rows at these places."""
        if len(places) == len(self.rows):
            return
        self.rows = [self.rows[place] for place in places]
        if not places:
            self._sequences = self._choice = None
        else:
            assert self._sequences is not None
            assert self._choice is not None
            rows_B = torch.tensor(places, device=self._network.device)
            self._sequences.select(rows_B)
            self._choice.select(rows_B)
        self._look()

    def _absorb(self, other: DecodeBatch) -> None:
        """Add the rows of another batch."""
        if not other.rows:
            return
        if self._sequences is None or self._choice is None:
            self._sequences, self._choice = other._sequences, other._choice
        else:
            assert other._sequences is not None
            assert other._choice is not None
            self._sequences.join(other._sequences)
            self._choice.join(other._choice)
        self.rows = self.rows + other.rows
        self._look()

    def _look(self) -> None:
        """Note which work the rows need, so that a step reads no tensor for it."""
        self._work = Work.of([row.row.parameters for row in self.rows], self._network.device)
        self._any_watched = any(row.watched for row in self.rows)
        if self._choice is not None:
            self._choice.trim(self._work)


def _end_tokens(network: DecodingNetwork) -> list[int]:
    """Return every token that ends an answer."""
    configured = getattr(network.model.module.generation_config, "eos_token_id", None)
    more = configured if isinstance(configured, list) else [] if configured is None else [configured]
    return sorted({end_token(network.model), *more})
