"""Reading inputs: what is fed to a network before the first token is chosen, and how much there is room for.

Legend: B rows, T tokens fed at once, t tokens of a part of them, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.networks import Network
from foreword.inference.model.sequences import Sequences


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
    if spec.is_causal:
        return spec.context_tokens - taken
    return spec.context_tokens if taken <= spec.context_tokens else 0


def scoring_room(network: Network, num_tokens: int, adapter: LoadedAdapter | None) -> int:
    """Tokens of the longest answer, end token included, that can be scored after an input of `num_tokens`."""
    left = room(network, num_tokens, adapter)
    # A causal model does not read the last token: nothing follows it. Another decoder reads a start token instead.
    return left + 1 if network.model.spec.is_causal else left
