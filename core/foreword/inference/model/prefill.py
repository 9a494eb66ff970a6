"""Reading inputs: the first tokens that a network is fed.

Legend: B rows, T tokens fed at once, t tokens of a part of them, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.sequences import Sequences


def feed_first(
    network: DecodingNetwork, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor, keep: int = 1
) -> Tensor:
    """Feed the tokens that `DecodingNetwork.begin` returned; return logits of the last `keep` columns."""
    num_tokens = ids_BT.shape[1]
    causal_TT = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=ids_BT.device).tril()
    depth_BT = (valid_BT.cumsum(dim=1) - 1).clamp(min=0)
    visible_BTT = causal_TT & valid_BT[:, None]
    logits = network.feed_many(sequences, ids_BT, valid_BT, visible_BTT=visible_BTT, depth_BT=depth_BT, keep=keep)
    sequences.length_B = sequences.length_B + valid_BT.sum(dim=1)
    return logits
