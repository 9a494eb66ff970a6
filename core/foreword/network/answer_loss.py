"""The loss of each row's answer, under the adapter of the row.

Logits are computed at answer positions only: hidden states are gathered first, so that logits are `[N, V]` for N answer
tokens instead of `[B, T, V]`.

Legend: B rows, P virtual tokens, T text tokens, S prompt and text, K columns seen, L answer tokens of a row, N answer
tokens of all rows, D width, V vocabulary, H heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from foreword.domain.site import Stream
from foreword.network.adapted_model import AdaptedModel
from foreword.network.attention import attention_for_gradients
from foreword.network.encoder import encode
from foreword.network.language_head import language_head
from foreword.network.padding import padded, valid_columns
from foreword.network.prompt_states import Layers, filled_cache, prompt_states
from foreword.network.row_adapters import RowAdapters
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import start_token
from foreword.plugin.interfaces import EncodedRow, LoadedModel


class AnswerLoss:
    """The negative log-likelihood of answers.

    Args:
        model: A frozen base model in eval mode.

    Raises:
        FailedPreconditionError: The model computes its logits in a way that is not supported.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._base = AdaptedModel(model)
        self._head = language_head(model)
        self._hidden = _causal_states if model.spec.is_causal else _decoder_states

    def nats(
        self,
        rows: Sequence[EncodedRow],
        adapters: Sequence[Sequence[Contribution]],
        adapter_of_row: Sequence[int],
    ) -> Tensor:
        """Return the negative log-likelihood of each row's answer, summed over its tokens, in nats.

        Rows of one call may have different adapters. A row's loss depends on its own adapter only, up to rounding, and
        its gradient reaches no other. For a mean divide by the number of answer tokens, not by rows or positions.

        Args:
            adapters: What each adapter contributes; nothing for the base model as it is.
            adapter_of_row: The place of each row's adapter.

        Raises:
            ValueError: An adapter does not fit the base model.

        Shape:
            Returns `[B]` in fp32, differentiable with respect to the contributions.
        """
        made = {place: self._base.adapter_of(adapters[place]) for place in dict.fromkeys(adapter_of_row)}
        row_adapters = RowAdapters([made[place] for place in adapter_of_row])
        with attention_for_gradients(self._base.module):
            hidden_ND = self._hidden(self._base, rows, row_adapters)
        target_ids_N = torch.tensor([token for row in rows for token in row.target_ids], device=self._base.device)
        nats_N = cross_entropy(self._head(hidden_ND).float(), target_ids_N, reduction="none")
        num_columns = max(len(row.target_ids) for row in rows)
        places_N = _places([(0, len(row.target_ids)) for row in rows], num_columns, self._base.device)
        nats_BL = nats_N.new_zeros(len(rows) * num_columns).index_copy(0, places_N, nats_N).view(len(rows), num_columns)
        return nats_BL.sum(dim=1)


def _decoder_states(base: AdaptedModel, rows: Sequence[EncodedRow], adapters: RowAdapters) -> Tensor:
    """Return the last hidden states of an encoder-decoder model that predict answer tokens, row by row.

    The prompts are in front of the encoder's input; the decoder attends to them through cross-attention.

    Shape:
        Returns `[N, D]`.
    """
    encoded = encode(base, [row.input_ids for row in rows], adapters)
    start = start_token(base.model)
    previous_ids_BL, _ = padded([(start, *row.target_ids[:-1]) for row in rows], device=base.device)
    with base.adapted(adapters, stream=Stream.DECODER):
        hidden_BLD: Tensor = base.module.get_decoder()(
            input_ids=previous_ids_BL,
            encoder_hidden_states=encoded.states_BSD,
            encoder_attention_mask=encoded.mask_B11S,
            use_cache=False,
        ).last_hidden_state
    return _picked(hidden_BLD, [(0, len(row.target_ids)) for row in rows])


def _causal_states(base: AdaptedModel, rows: Sequence[EncodedRow], adapters: RowAdapters) -> Tensor:
    """Return the last hidden states of a causal model that predict answer tokens, row by row.

    Prompt, input and answer form one sequence, of which only the answer counts. Each prompt runs once, and all of its
    rows share its keys and values, unless the model's layers cannot share them.

    Shape:
        Returns `[N, D]`.
    """
    # The answer's last token predicts nothing, so it is left out.
    ids = [(*row.input_ids, *row.target_ids[:-1]) for row in rows]
    predicting = [(len(row.input_ids) - 1, len(row.target_ids)) for row in rows]
    prompts, prompt_of_row = adapters.prompted
    if not prompts:
        return _picked(_after_prompts(base, ids, adapters, None), predicting)
    states = prompt_states(base, prompts)
    if states is not None:
        return _picked(_after_prompts(base, ids, adapters, states.of_rows(prompt_of_row)), predicting)
    embeds_BSD, valid_BS = base.embed_inputs(ids, adapters)
    with base.adapted(adapters):
        hidden_BSD: Tensor = base.module.base_model(
            inputs_embeds=embeds_BSD, attention_mask=valid_BS.long(), use_cache=False
        ).last_hidden_state
    lengths = adapters.prompt_lengths
    behind = [(length + first, count) for length, (first, count) in zip(lengths, predicting, strict=True)]
    return _picked(hidden_BSD, behind)


def _after_prompts(
    base: AdaptedModel, ids: Sequence[Sequence[int]], adapters: RowAdapters, prompts_BHPd: Layers | None
) -> Tensor:
    """Run texts behind the keys and values of their rows' prompts, `[B, T, D]`."""
    ids_BT, valid_BT = padded(ids, device=base.device)
    lengths = adapters.prompt_lengths
    first_B1 = torch.tensor(lengths, device=base.device)[:, None]
    seen_BK = torch.cat([valid_columns(lengths, device=base.device, left=True), valid_BT], dim=1)
    with base.adapted(adapters):
        hidden_BTD: Tensor = base.module.base_model(
            inputs_embeds=base.embed(ids_BT),
            attention_mask=seen_BK.long(),
            position_ids=first_B1 + torch.arange(ids_BT.shape[1], device=base.device),
            past_key_values=None if prompts_BHPd is None else filled_cache(base, prompts_BHPd),
            use_cache=prompts_BHPd is not None,
        ).last_hidden_state
    return hidden_BTD


def _picked(hidden_BTD: Tensor, ranges: Sequence[tuple[int, int]]) -> Tensor:
    """Return the hidden states of one range of columns of each row, as first column and number, `[N, D]`."""
    return hidden_BTD.flatten(0, 1).index_select(0, _places(ranges, hidden_BTD.shape[1], hidden_BTD.device))


def _places(ranges: Sequence[tuple[int, int]], num_columns: int, device: torch.device) -> Tensor:
    """Return the places of ranges of columns, as first column and number, in rows that lie one after the other."""
    places = [
        row * num_columns + first + offset for row, (first, count) in enumerate(ranges) for offset in range(count)
    ]
    return torch.tensor(places, device=device)
