"""Inputs to the states of an encoder, for encoder-decoder models.

Legend: B rows, S columns of the encoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from foreword.network.adapted_model import AdaptedModel
from foreword.network.padding import additive
from foreword.network.row_adapters import RowAdapters


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedInputs:
    """Inputs as the decoder reads them.

    Attributes:
        valid_BS: Which columns hold a virtual or text token of the row.
        mask_B11S: The same, to add to attention scores.
    """

    states_BSD: Tensor
    valid_BS: Tensor
    mask_B11S: Tensor


def encode(base: AdaptedModel, ids: Sequence[Sequence[int]], rows: RowAdapters) -> EncodedInputs:
    """Run the encoder over each row's prompt and text, padded on the right."""
    embeds_BSD, valid_BS = base.embed_inputs(ids, rows)
    lengths = {prompt + len(row) for prompt, row in zip(rows.prompt_lengths, ids, strict=True)}
    mask_B11S = additive(valid_BS, base.dtype)[:, None, None]
    # Without padding there is nothing to hide, and attention is faster without a mask.
    mask_B1SS = None if len(lengths) == 1 else mask_B11S.expand(-1, -1, valid_BS.shape[1], -1)
    states_BSD = base.run_encoder(embeds_BSD, mask_B1SS, rows)
    return EncodedInputs(states_BSD=states_BSD, valid_BS=valid_BS, mask_B11S=mask_B11S)
