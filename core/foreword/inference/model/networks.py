"""The two shapes of network that the engine knows, behind one interface: begin sequences, then feed them tokens.

Every row has its own adapter or none: a prompt, immediately in front of its own tokens, and factors of what passes the
sites of the model. Sequences are stored so that all rows write to the same column: the newest token of every row is in
the last one, and what a row lacks is masked on the left. Positions are counted per row, so where a row's tokens lie in
the storage changes nothing.

Legend: B rows, P virtual tokens, T tokens fed at once, S columns of the encoder, K columns seen, D width, V vocabulary,
W columns of a projection.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.cache_utils import Cache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from foreword.domain.context_room import ContextRoom
from foreword.domain.site import Stream
from foreword.errors import FailedPreconditionError
from foreword.inference.model import kv_cache
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.row_scales import RowScales
from foreword.inference.model.sequences import Sequences, additive
from foreword.plugin.encoding import start_token
from foreword.plugin.interfaces import LoadedModel
from foreword.plugin.scaling import Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInput:
    """What one row starts from."""

    ids: Sequence[int]
    adapter: LoadedAdapter | None = None


class Network(ABC):
    """A base model, ready to be fed.

    Attributes:
        can_branch: Whether one pass may hold several continuations of a row, as a tree.
    """

    can_branch: bool

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.module: Any = model.module
        self.device: torch.device = self.module.device
        self.dtype: torch.dtype = self.module.dtype
        self._embed = self.module.get_input_embeddings()
        self._scaling = Scaling(self.module, model.spec.sites)

    def context_room(self, adapter: LoadedAdapter | None) -> ContextRoom:
        """Return the room for inputs and answers beside an adapter's soft prompt."""
        return self.model.spec.context_room(adapter.length if adapter else 0)

    def check_device(self) -> None:
        """Raises what torch raises when the device is lost: after some faults only a new process can use it again.

        CUDA's device-side assert is one; every later operation fails with it.
        """
        torch.zeros(1, device=self.device).item()

    @abstractmethod
    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Begins rows.

        Returns:
            The rows, and what to feed them first: ids and which of them are not padding, the last column never is.

        Shape:
            Ids and their validity: `[B, T]`.
        """

    @abstractmethod
    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        """One pass of the decoder; logits of the last `keep` columns."""

    def feed(self, rows: Sequences, ids_B1: Tensor) -> Tensor:
        """Feeds one token to each row.

        Shape:
            ids_B1: `[B, 1]`. Returns logits `[B, 1, V]`.
        """
        rows.seen_BK = functional.pad(rows.seen_BK, (0, 1), value=True)
        logits_B1V = self._forward(
            rows, ids_B1, additive(rows.seen_BK, self.dtype)[:, None, None], rows.length_B[:, None], 1
        )
        rows.length_B = rows.length_B + 1
        return logits_B1V

    def feed_many(
        self,
        rows: Sequences,
        ids_BT: Tensor,
        valid_BT: Tensor,
        *,
        visible_BTT: Tensor,
        depth_BT: Tensor,
        keep: int,
    ) -> Tensor:
        """Feeds several tokens to each row. `rows.length_B` does not move: only the caller knows what continues.

        Args:
            valid_BT: Which ids are not padding.
            visible_BTT: Which of the new tokens each new token sees.
            depth_BT: Position of each new token, counted from the row's length.
            keep: Columns whose logits are wanted, from the last.

        Shape:
            Returns logits `[B, keep, V]`.
        """
        num_new = ids_BT.shape[1]
        old_BTK = rows.seen_BK[:, None].expand(-1, num_new, -1)
        mask_B1TK = additive(torch.cat([old_BTK, visible_BTT], dim=-1), self.dtype)[:, None]
        positions_BT = rows.length_B[:, None] + depth_BT
        rows.seen_BK = torch.cat([rows.seen_BK, valid_BT], dim=1)
        return self._forward(rows, ids_BT, mask_B1TK, positions_BT, keep)

    def adapter_bytes(self, adapter: LoadedAdapter) -> int:
        """Memory that an adapter takes while it is loaded."""
        return adapter.byte_size


class EncoderDecoder(Network):
    """BART, T5 and their like: the prompt is in front of the encoder's input."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._encoder = self.module.get_encoder()
        self._positions = _learned_positions(self.module.get_decoder())
        # Relative positions (T5) are counted in columns of the storage, where a tree has no sense of depth.
        self.can_branch = self._positions is not None

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Runs the encoder, rows padded on the right."""
        prompt_lengths = [item.adapter.length if item.adapter else 0 for item in inputs]
        lengths = [prompt + len(item.ids) for prompt, item in zip(prompt_lengths, inputs, strict=True)]
        columns = max(lengths)
        ids_BS = torch.zeros(len(inputs), columns, dtype=torch.long)
        for row, (prompt, item) in enumerate(zip(prompt_lengths, inputs, strict=True)):
            ids_BS[row, prompt : lengths[row]] = torch.tensor(item.ids, dtype=torch.long)
        source_BS = torch.arange(columns) < torch.tensor(lengths)[:, None]
        embeds_BSD = self._embed(ids_BS.to(self.device))
        for row, item in enumerate(inputs):
            if item.adapter:
                embeds_BSD[row, : item.adapter.length] = item.adapter.vectors_PD
        scales = RowScales([item.adapter for item in inputs])
        source_BS = source_BS.to(self.device)
        source_mask_B11S = additive(source_BS, self.dtype)[:, None, None]
        mask_B1SS = None if len(set(lengths)) == 1 else source_mask_B11S.expand(-1, -1, columns, -1)
        with self._scaling.applied(scales.factors, stream=Stream.ENCODER):
            encoder_BSD = self._encoder(inputs_embeds=embeds_BSD, attention_mask=mask_B1SS).last_hidden_state
        rows = Sequences(
            scales=scales,
            cache=EncoderDecoderCache(kv_cache.new_cache(), kv_cache.new_cache()),
            seen_BK=torch.zeros(len(inputs), 0, dtype=torch.bool, device=self.device),
            length_B=torch.zeros(len(inputs), dtype=torch.long, device=self.device),
            source_BS=source_BS,
            source_mask_B11S=source_mask_B11S,
            encoder_BSD=encoder_BSD,
        )
        start_B1 = torch.full((len(inputs), 1), start_token(self.model), device=self.device)
        return rows, start_B1, torch.ones_like(start_B1, dtype=torch.bool)

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        encoder_BSD, rows.encoder_BSD = rows.encoder_BSD, None
        if encoder_BSD is None:
            # Only its shape is looked at once the cross-attention has its keys and values.
            assert rows.source_BS is not None
            size = (*rows.source_BS.shape, self.model.spec.hidden_size)
            encoder_BSD = torch.zeros((), dtype=self.dtype, device=self.device).expand(size)
        placed: AbstractContextManager[None] = (
            nullcontext() if self._positions is None else _positions_per_row(self._positions, positions_BT)
        )
        with placed, self._scaling.applied(rows.scales.factors, stream=Stream.DECODER):
            output = self.module(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoder_BSD),
                attention_mask=rows.source_mask_B11S,
                decoder_input_ids=ids_BT,
                decoder_attention_mask=mask_B1TK,
                past_key_values=rows.cache,
                use_cache=True,
            )
        logits: Tensor = output.logits[:, -keep:]
        return logits


class Causal(Network):
    """Llama, GPT-2 and their like: the prompt is in front of the text, its states are computed once and kept."""

    can_branch = True

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Puts the prompts' states in place; the texts, padded on the left, are what to feed first."""
        num_rows, num_tokens = len(inputs), max(len(item.ids) for item in inputs)
        ids_BT = torch.zeros(num_rows, num_tokens, dtype=torch.long)
        for row, item in enumerate(inputs):
            ids_BT[row, num_tokens - len(item.ids) :] = torch.tensor(item.ids, dtype=torch.long)
        text_lengths_B = torch.tensor([len(item.ids) for item in inputs])
        valid_BT = torch.arange(num_tokens) >= num_tokens - text_lengths_B[:, None]
        prompts = [item.adapter.length if item.adapter else 0 for item in inputs]
        columns = max(prompts)
        seen_BK = torch.arange(columns) >= columns - torch.tensor(prompts)[:, None]
        rows = Sequences(
            scales=RowScales([item.adapter for item in inputs]),
            cache=self._prompt_cache(inputs, columns),
            seen_BK=seen_BK.to(self.device),
            length_B=torch.tensor(prompts, device=self.device),
        )
        return rows, ids_BT.to(self.device), valid_BT.to(self.device)

    def adapter_bytes(self, adapter: LoadedAdapter) -> int:
        """Memory of the adapter, and of its prompt's states in every layer."""
        config = self.module.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        states = 2 * config.num_hidden_layers * heads * width
        return super().adapter_bytes(adapter) + adapter.length * int(states) * self.dtype.itemsize

    def _prompt_cache(self, inputs: Sequence[NetworkInput], columns: int) -> Cache:
        """Keys and values of all rows' prompts, padded on the left."""
        if not columns:
            return kv_cache.new_cache()
        states = [self._states(item.adapter) if item.adapter and item.adapter.length else None for item in inputs]
        present = next(item for item in states if item is not None)
        layers = []
        for number, (keys, _) in enumerate(present):
            empty = keys[:, :, :0]
            parts = [(empty, empty) if item is None else item[number] for item in states]
            layers.append(
                (
                    torch.cat([kv_cache.pad(part[0], columns, left=True) for part in parts]),
                    torch.cat([kv_cache.pad(part[1], columns, left=True) for part in parts]),
                )
            )
        return kv_cache.filled_cache(layers)

    def _states(self, adapter: LoadedAdapter) -> list[tuple[Tensor, Tensor]]:
        """The keys and values of an adapter's prompt by layer, `[1, H, P, d]` each."""
        if adapter.key_values is None:
            cache = kv_cache.new_cache()
            positions_1P = torch.arange(adapter.length, device=self.device)[None]
            seen_PP = torch.ones(adapter.length, adapter.length, dtype=torch.bool, device=self.device).tril()
            with self._scaling.applied(adapter.factors_W):
                self.module(
                    inputs_embeds=adapter.vectors_PD[None],
                    attention_mask=additive(seen_PP, self.dtype)[None, None],
                    position_ids=positions_1P,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
            adapter.key_values = [(layer.keys.clone(), layer.values.clone()) for layer in kv_cache.layers_of(cache)]
        return adapter.key_values

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        with self._scaling.applied(rows.scales.factors):
            output = self.module(
                input_ids=ids_BT,
                attention_mask=mask_B1TK,
                position_ids=positions_BT,
                past_key_values=rows.cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        logits: Tensor = output.logits
        return logits


def make_network(model: LoadedModel) -> Network:
    """The network for a base model.

    Raises:
        FailedPreconditionError: Its positions cannot be given per row, or its attention skips tokens.
    """
    if not model.spec.is_causal:
        return EncoderDecoder(model)
    config = model.module.config
    if "position_ids" not in inspect.signature(model.module.forward).parameters:
        raise FailedPreconditionError(
            f"{model.spec.id} ({config.model_type}) takes no position ids, so rows of different lengths cannot share a "
            "batch. Use a model with rotary or learned positions, such as Llama or GPT-2.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    kinds = getattr(config, "layer_types", None)
    window = None if kinds else getattr(config, "sliding_window", None)
    if any(kind != "full_attention" for kind in kinds or ()) or (window or 0) > 0:
        raise FailedPreconditionError(
            f"{model.spec.id} ({config.model_type}) has layers without full attention, which the engine cannot serve. "
            "Use a model whose layers all attend to the whole context.",
            reason="BASE_MODEL_UNSUPPORTED",
        )
    return Causal(model)


def _learned_positions(decoder: nn.Module) -> nn.Module | None:
    """The decoder's position table, for models that count positions in columns (BART); None for others."""
    found = getattr(decoder, "embed_positions", None)
    return found if isinstance(found, nn.Module) else None


@contextmanager
def _positions_per_row(table: nn.Module, positions_BT: Tensor) -> Iterator[None]:
    """Makes a decoder look up these positions in its table instead of those of the storage's columns.

    BART's decoder accepts no position ids. The hooks live for one pass, so the model is left as it was.
    """

    def replace(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "position_ids": positions_BT}

    def reshape(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.reshape(*positions_BT.shape, -1)

    before = table.register_forward_pre_hook(replace, with_kwargs=True)
    after = table.register_forward_hook(reshape)
    try:
        yield
    finally:
        before.remove()
        after.remove()
