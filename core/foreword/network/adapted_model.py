"""A base model whose rows have adapters of their own.

Legend: A adapters, B rows, N vectors in one table, P virtual tokens, T text tokens, S prompt and text, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foreword.domain.site import Stream
from foreword.network.adapter import Adapter, make_adapter
from foreword.network.padding import padded, valid_columns
from foreword.network.row_adapters import RowAdapters
from foreword.network.scaling import Scaling
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import LoadedModel


class AdaptedModel:
    """A base model, the same for all rows, into which each row's adapter enters.

    Attributes:
        module: The transformers model; it stays unchanged.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.module: Any = model.module
        self.device: torch.device = self.module.device
        self.dtype: torch.dtype = self.module.dtype
        self.embed = self.module.get_input_embeddings()
        self._scaling = Scaling(self.module, model.spec.sites)

    def adapter_of(self, contributions: Sequence[Contribution]) -> Adapter:
        """Combine contributions to an adapter on the model's device; gradients flow back through it.

        Raises:
            ValueError: They do not fit the base model.
        """
        return make_adapter(contributions, self.model.spec, device=self.device, dtype=self.dtype)

    def adapted(self, rows: RowAdapters, *, stream: Stream | None = None) -> AbstractContextManager[None]:
        """Apply what the rows' adapters change inside the model, for the passes inside the context.

        Args:
            stream: The side of the network that is about to run; None for both.
        """
        return self._scaling.applied(rows.factors, stream=stream)

    def run_encoder(self, embeds_BSD: Tensor, mask_B1SS: Tensor | None, rows: RowAdapters) -> Tensor:
        """Run the encoder of an encoder-decoder model over embedded inputs, under the adapters of their rows.

        Args:
            mask_B1SS: Added to attention scores; None hides nothing.

        Shape:
            Returns `[B, S, D]`.
        """
        with self.adapted(rows, stream=Stream.ENCODER):
            states_BSD: Tensor = self.module.get_encoder()(
                inputs_embeds=embeds_BSD, attention_mask=mask_B1SS
            ).last_hidden_state
        return states_BSD

    def embed_inputs(self, ids: Sequence[Sequence[int]], rows: RowAdapters) -> tuple[Tensor, Tensor]:
        """Embed the rows' tokens, each row's prompt immediately in front of them, padded on the right.

        Shape:
            Returns embeddings `[B, S, D]`, and which columns are not padding, `[B, S]`.
        """
        ids_BT, valid_BT = padded(ids, device=self.device)
        embeds_BTD: Tensor = self.embed(ids_BT)
        prompts = rows.prompt_lengths
        if not any(prompts):
            return embeds_BTD, valid_BT
        if len(rows.adapters) == 1:
            [adapter] = rows.adapters
            assert adapter is not None
            embeds_BSD = torch.cat([adapter.vectors_PD.expand(len(rows), -1, -1), embeds_BTD], dim=1)
            return embeds_BSD, functional.pad(valid_BT, (adapter.length, 0), value=True)
        lengths = [prompt + len(row) for prompt, row in zip(prompts, ids, strict=True)]
        return self._joined(embeds_BTD, rows, max(lengths)), valid_columns(lengths, device=self.device)

    def _joined(self, embeds_BTD: Tensor, rows: RowAdapters, num_columns: int) -> Tensor:
        """Put prompts of different lengths in front of texts.

        One look-up in one table of all vectors, whose backward pass adds each row's gradient to the row's own prompt.
        """
        num_rows, num_tokens, width = embeds_BTD.shape
        vectors = [adapter.vectors_PD for adapter in rows.adapters if adapter]
        table_ND = torch.cat([*vectors, embeds_BTD.reshape(-1, width)])
        lengths_A = torch.tensor([adapter.length if adapter else 0 for adapter in rows.adapters])
        adapter_of_row_B = torch.tensor(rows.adapter_of_row)
        first_A = lengths_A.cumsum(0) - lengths_A
        first_B1, length_B1 = first_A[adapter_of_row_B][:, None], lengths_A[adapter_of_row_B][:, None]
        text_B1 = int(lengths_A.sum()) + torch.arange(num_rows)[:, None] * num_tokens
        columns_S = torch.arange(num_columns)
        # Padding repeats the row's own last column, so that it has nothing of another row.
        places_BS = torch.where(
            columns_S < length_B1,
            first_B1 + columns_S,
            text_B1 + (columns_S - length_B1).clamp(max=num_tokens - 1),
        )
        return functional.embedding(places_BS.to(self.device), table_ND)
