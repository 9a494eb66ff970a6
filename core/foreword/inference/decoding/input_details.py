"""Details of the tokens of an input, for requests that ask for them.

Legend: T tokens of the input, t tokens of a part of them, V vocabulary.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from foreword.inference.decoding.token_details import TokenDetail, details_of
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.prefill import feed_first
from foreword.inference.model.sequences import Sequences

_DETAILED_TOKENS: Final = 64
"""Tokens whose logits are all kept at once."""


def feed_detailed(
    network: DecodingNetwork, sequences: Sequences, ids_1T: Tensor, *, top: int
) -> tuple[Tensor, tuple[TokenDetail, ...]]:
    """Feed the whole input of one row, and return the details of each of its tokens but the first.

    A few tokens at a time: the logits of all at once would not fit into memory for a long input.

    Returns:
        Logits after the last token, `[1, V]`, and the details.
    """
    details: list[TokenDetail] = []
    num_tokens = ids_1T.shape[1]
    for start in range(0, num_tokens, _DETAILED_TOKENS):
        ids_1t = ids_1T[:, start : start + _DETAILED_TOKENS]
        width = ids_1t.shape[1]
        logits_tV = feed_first(network, sequences, ids_1t, torch.ones_like(ids_1t, dtype=torch.bool), keep=width)[0]
        following = ids_1T[0, start + 1 : start + width + 1].tolist()
        details += details_of(logits_tV[: len(following)].float().log_softmax(dim=-1), following, top)
    return logits_tV[-1:], tuple(details)
