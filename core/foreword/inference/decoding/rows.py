"""The rows of a decoding batch: the request of each, its text so far, and its finished answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from foreword.domain.inference import GenerateParameters, ReturnOptions, StopReason
from foreword.inference.decoding.answer_text import StopFilter, TextDecoder
from foreword.inference.decoding.token_details import TokenDetail
from foreword.inference.model.loaded_adapter import LoadedAdapter


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
        details: Of each of them, if asked for.
        input_details: Of each token of a causal model's input but the first, if asked for.
    """

    text: str
    stop_reason: StopReason
    ids: tuple[int, ...]
    details: tuple[TokenDetail, ...] = ()
    input_details: tuple[TokenDetail, ...] = ()

    @property
    def token_count(self) -> int:
        """Tokens that were computed."""
        return len(self.ids)


class ActiveRow:
    """A row of a batch while its answer is generated. Rows are compared by identity."""

    __slots__ = ("_count", "_decoder", "_filter", "_text", "input_details", "row", "watched")

    def __init__(self, row: DecodeRow, tokenizer: object, *, strip_space: bool) -> None:
        parameters = row.parameters
        self.row = row
        self.watched = row.stream or bool(parameters.stop_sequences)
        self._decoder = TextDecoder(tokenizer, strip_space=strip_space)
        self._filter = StopFilter(parameters.stop_sequences, include=parameters.include_stop_sequence)
        self._text: list[str] = []
        self._count = 0
        self.input_details: tuple[TokenDetail, ...] = ()

    @property
    def options(self) -> ReturnOptions:
        """The details that the caller requested besides the text."""
        return self.row.parameters.return_options

    @property
    def token_count(self) -> int:
        """Tokens so far, of a watched row."""
        return self._count

    @property
    def text(self) -> str:
        """Text so far, of a watched row."""
        return "".join(self._text)

    def push(self, token: int) -> str:
        """Add a token; return the text that may be shown. Stop sequences count after `min_new_tokens`."""
        self._count += 1
        piece = self._decoder.push(token)
        if self._count >= self.row.parameters.min_new_tokens:
            piece = self._filter.push(piece)
        if piece:
            self._text.append(piece)
        return piece

    @property
    def stopped(self) -> bool:
        """True if a stop sequence was generated."""
        return self._filter.stopped

    def finish(self) -> str:
        """Return the text that was held back."""
        piece = self._filter.finish()
        self._text.append(piece)
        return piece


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEvent:
    """A change of a row: new text that may be shown, or the whole answer once it is finished."""

    row: ActiveRow
    piece: str
    final: DecodedText | None = None
