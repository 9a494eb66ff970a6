"""Continuous batching: rows join and leave the batch between any two tokens.

Choosing, counting and ending are done for all rows at once on tensors; Python looks at single rows only where text is
streamed or watched for stop sequences, and when a row ends.

Legend: B rows, N tokens at most, T tokens fed at once, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from foreword.domain.inference import GenerateParameters, StopReason
from foreword.inference.answer_text import StopFilter, TextDecoder, adds_space, whole_text
from foreword.inference.networks import LoadedAdapter, Network, NetworkInput, Sequences
from foreword.inference.sampling import sample, uniform_draws
from foreword.plugin.encoding import end_token, forced_first_token


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRow:
    """One answer to generate.

    Attributes:
        ids: Tokens of the input, soft prompt not included.
        stream: Whether text is wanted as it comes.
    """

    ids: Sequence[int]
    adapter: LoadedAdapter | None = None
    parameters: GenerateParameters = field(default_factory=GenerateParameters)
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedText:
    """A finished answer.

    Attributes:
        ids: Tokens generated, the end token included; those of a cut stop sequence as well.
    """

    text: str
    stop_reason: StopReason
    ids: tuple[int, ...]

    @property
    def token_count(self) -> int:
        """Tokens that were computed."""
        return len(self.ids)


class ActiveRow:
    """A row of the batch, known by identity."""

    __slots__ = ("_decoder", "_filter", "_text", "row", "watched")

    def __init__(self, row: DecodeRow, tokenizer: object, *, strip_space: bool) -> None:
        parameters = row.parameters
        self.row = row
        self.watched = row.stream or bool(parameters.stop_sequences)
        self._decoder = TextDecoder(tokenizer, strip_space=strip_space)
        self._filter = StopFilter(parameters.stop_sequences, include=parameters.include_stop_sequence)
        self._text: list[str] = []

    @property
    def text(self) -> str:
        """Text so far, of a watched row."""
        return "".join(self._text)

    def push(self, token: int) -> str:
        """Takes a token; returns the text that may be shown."""
        piece = self._filter.push(self._decoder.push(token))
        if piece:
            self._text.append(piece)
        return piece

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence has come."""
        return self._filter.stopped

    def finish(self) -> str:
        """The text that was held back."""
        piece = self._filter.finish()
        self._text.append(piece)
        return piece


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEvent:
    """News of a row: text that may be shown, and the whole answer once it is finished."""

    row: ActiveRow
    piece: str
    final: DecodedText | None = None


@dataclass(eq=False, slots=True, kw_only=True)
class _Choice:
    """What is chosen for each row, and how. All tensors have rows first."""

    last_B: Tensor
    count_B: Tensor
    least_B: Tensor
    most_B: Tensor
    sample_B: Tensor
    temperature_B: Tensor
    top_k_B: Tensor
    top_p_B: Tensor
    draws_BN: Tensor
    tokens_BN: Tensor

    def select(self, rows_B: Tensor) -> None:
        """Keeps these rows."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name)[rows_B])

    def join(self, other: _Choice) -> None:
        """Appends rows."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine.ndim == 2:
                columns = max(mine.shape[1], theirs.shape[1])
                mine, theirs = (functional.pad(item, (0, columns - item.shape[1])) for item in (mine, theirs))
            setattr(self, name, torch.cat([mine, theirs]))


class DecodeBatch:
    """The rows of one base model that are being decoded together.

    Not thread-safe: one thread owns torch. Call inside `torch.inference_mode`.
    """

    def __init__(self, network: Network) -> None:
        model = network.model
        self._network = network
        self._tokenizer = model.tokenizer
        self._strip_space = adds_space(model.tokenizer)
        self._first = forced_first_token(model)
        self._ends = torch.tensor(_end_tokens(network), device=network.device)
        self.rows: list[ActiveRow] = []
        self._sequences: Sequences | None = None
        self._choice: _Choice | None = None
        self._any_least = self._any_sample = self._any_watched = False

    def __len__(self) -> int:
        return len(self.rows)

    def join(self, rows: Sequence[DecodeRow]) -> tuple[list[ActiveRow], list[RowEvent]]:
        """Reads the inputs of new rows, chooses their first tokens and lets them join.

        Returns:
            The new rows in order, and their news. Rows that ended with their first token have not joined.
        """
        network = self._network
        joining = DecodeBatch(network)
        joining.rows = [ActiveRow(row, self._tokenizer, strip_space=self._strip_space) for row in rows]
        inputs = [NetworkInput(ids=row.ids, adapter=row.adapter) for row in rows]
        sequences, ids_BT, valid_BT = network.begin(inputs)
        logits_BV = feed_first(network, sequences, ids_BT, valid_BT)[:, -1]
        joining._sequences, joining._choice = sequences, self._start(rows)
        joining._look()
        new = list(joining.rows)
        events = joining._advance(logits_BV)
        self._absorb(joining)
        return new, events

    def step(self) -> list[RowEvent]:
        """Generates one token for every row; rows that end leave."""
        if not self.rows:
            return []
        assert self._sequences is not None
        assert self._choice is not None
        logits_B1V = self._network.feed(self._sequences, self._choice.last_B[:, None])
        return self._advance(logits_B1V[:, 0])

    def remove(self, rows: Sequence[ActiveRow], reason: StopReason) -> list[RowEvent]:
        """Lets rows leave at once; returns the answers as they are. Rows that have left already are ignored."""
        gone = set(rows)
        places = [place for place, row in enumerate(self.rows) if row in gone]
        events = [self._finish(place, "", reason) for place in places]
        self._keep([place for place in range(len(self.rows)) if self.rows[place] not in gone])
        return events

    def _start(self, rows: Sequence[DecodeRow]) -> _Choice:
        """State of rows that have no token yet."""
        device = self._network.device
        parameters = [row.parameters for row in rows]
        most = [self._most_tokens(row) for row in rows]
        columns = max(most)
        sampling = any(item.sample for item in parameters)
        draws_BN = torch.zeros(len(rows), columns if sampling else 0, dtype=torch.float64)
        for number, item in enumerate(parameters):
            if item.sample:
                draws_BN[number, : most[number]] = uniform_draws(item.seed, most[number])
        return _Choice(
            last_B=torch.zeros(len(rows), dtype=torch.long, device=device),
            count_B=torch.zeros(len(rows), dtype=torch.long, device=device),
            least_B=torch.tensor([item.min_new_tokens for item in parameters], device=device),
            most_B=torch.tensor(most, device=device),
            sample_B=torch.tensor([item.sample for item in parameters], device=device),
            temperature_B=torch.tensor([item.temperature for item in parameters], device=device),
            top_k_B=torch.tensor([item.top_k for item in parameters], device=device),
            top_p_B=torch.tensor([item.top_p for item in parameters], device=device),
            draws_BN=draws_BN.to(device),
            tokens_BN=torch.zeros(len(rows), columns, dtype=torch.long, device=device),
        )

    def _most_tokens(self, row: DecodeRow) -> int:
        """Tokens that the row may generate at most."""
        return min(row.parameters.max_new_tokens, room(self._network, len(row.ids), row.adapter))

    def _advance(self, logits_BV: Tensor) -> list[RowEvent]:
        """Chooses the next token of every row, and lets rows that end leave."""
        choice = self._choice
        assert choice is not None
        ids_B = self._choose(logits_BV.float(), choice)
        choice.tokens_BN.scatter_(1, choice.count_B[:, None], ids_B[:, None])
        choice.last_B = ids_B
        choice.count_B = choice.count_B + 1
        ended_B = torch.isin(ids_B, self._ends)
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

    def _choose(self, logits_BV: Tensor, choice: _Choice) -> Tensor:
        """The next token of every row."""
        if self._any_least:
            early_B1 = (choice.count_B < choice.least_B)[:, None]
            logits_BV[:, self._ends] = logits_BV[:, self._ends].masked_fill(early_B1, -torch.inf)
        ids_B = logits_BV.argmax(dim=-1)
        if self._any_sample:
            drawing = choice.sample_B.nonzero().squeeze(1)
            ids_B[drawing] = sample(
                logits_BV[drawing],
                temperature_B=choice.temperature_B[drawing],
                top_k_B=choice.top_k_B[drawing],
                top_p_B=choice.top_p_B[drawing],
                draw_B=choice.draws_BN[drawing, choice.count_B[drawing]],
            )
        if self._first is not None:
            ids_B = torch.where(choice.count_B == 0, self._first, ids_B)
        return ids_B

    def _finish(self, place: int, piece: str, reason: StopReason) -> RowEvent:
        """The last news of a row that is still in the batch."""
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
        final = DecodedText(text=text, stop_reason=reason, ids=tuple(ids))
        return RowEvent(row=row, piece=piece if row.row.stream else text, final=final)

    def _keep(self, places: list[int]) -> None:
        """Keeps these rows."""
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
        """Takes over the rows of another batch."""
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
        """Notes which work some row needs, so that a step asks no tensor for it."""
        self._any_least = any(row.row.parameters.min_new_tokens for row in self.rows)
        self._any_sample = any(row.row.parameters.sample for row in self.rows)
        self._any_watched = any(row.watched for row in self.rows)


def feed_first(network: Network, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor, keep: int = 1) -> Tensor:
    """Feeds what `Network.begin` asked for; logits of the last `keep` columns."""
    num_tokens = ids_BT.shape[1]
    causal_TT = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=ids_BT.device).tril()
    depth_BT = (valid_BT.cumsum(dim=1) - 1).clamp(min=0)
    visible_BTT = causal_TT & valid_BT[:, None]
    logits = network.feed_many(sequences, ids_BT, valid_BT, visible_BTT=visible_BTT, depth_BT=depth_BT, keep=keep)
    sequences.length_B = sequences.length_B + valid_BT.sum(dim=1)
    return logits


def room(network: Network, num_tokens: int, adapter: LoadedAdapter | None) -> int:
    """Tokens that can be generated after an input of `num_tokens`; below 1 when it is too long."""
    spec = network.model.spec
    taken = num_tokens + (adapter.length if adapter else 0)
    if network.model.module.config.is_encoder_decoder:
        return spec.context_tokens if taken <= spec.context_tokens else 0
    return spec.context_tokens - taken


def drain(batch: DecodeBatch, emit: Callable[[RowEvent], None]) -> None:
    """Steps until no row is left."""
    while batch.rows:
        for event in batch.step():
            emit(event)


def _end_tokens(network: Network) -> list[int]:
    """Every token that ends an answer."""
    configured = getattr(network.model.module.generation_config, "eos_token_id", None)
    more = configured if isinstance(configured, list) else [] if configured is None else [configured]
    return sorted({end_token(network.model), *more})
