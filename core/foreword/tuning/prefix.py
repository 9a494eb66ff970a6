"""Keys and values of a soft prompt in a causal model, with gradients.

Shapes: B batch, P virtual tokens, D width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def prefix_states(module: PreTrainedModel, soft_PD: Tensor) -> DynamicCache | None:
    """Run only the prompt through the model.

    Returns:
        A cache of one row; None if a layer stores something other than all keys and values (sliding windows, states),
        because such a prefix cannot be shared exactly.
    """
    cache = DynamicCache(config=module.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    module.base_model(inputs_embeds=soft_PD[None], past_key_values=cache, use_cache=True)
    return cache


def expand_prefix(cache: DynamicCache, num_rows: int) -> DynamicCache:
    """Expand the keys and values to every row, without copying; autograd sums over the rows."""
    for layer in cache.layers:
        assert isinstance(layer, DynamicLayer)
        assert layer.keys is not None
        assert layer.values is not None
        layer.keys = layer.keys.expand(num_rows, -1, -1, -1)
        layer.values = layer.values.expand(num_rows, -1, -1, -1)
    return cache
