"""Frozen linear layers as one product, with a weight that is packed for the processor where that is faster.

Legend: T tokens, D input width, W columns of all layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_PACKED_TOKENS: Final = 64
"""Tokens of a product for which oneDNN chooses the layout of a packed weight; it computes any number with it."""
_OPERATIONS: Final = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
"""What PyTorch's compiler calls for frozen layers. They are private, so a version without them does without packing."""


class FrozenLinear:
    """Linear layers that read the same input, as one product without gradients.

    Nothing is in memory twice: the weights and biases of the layers become views of the joined ones.

    Args:
        layers: The layers, in the order of their columns; all of them have a bias or none has.
        pack: Whether to pack the weight where `can_pack` allows it. The layers lose their weights then, so their
            modules can no longer run; the packed weight is a buffer of the first one.
        keep: Whether packed layers keep their weights, because something else reads them, such as an embedding.
    """

    def __init__(self, layers: Sequence[nn.Linear], *, pack: bool = False, keep: bool = False) -> None:
        self._weight_WD = _joined([layer.weight for layer in layers])
        self._bias_W = None if layers[0].bias is None else _joined([layer.bias for layer in layers])
        self.is_packed = pack and can_pack(self._weight_WD)
        if self.is_packed:
            self._weight_WD = torch.ops.mkldnn._reorder_linear_weight(self._weight_WD, _PACKED_TOKENS)
            layers[0].register_buffer("packed_weight", self._weight_WD, persistent=False)
            for layer in () if keep else layers:
                layer.register_parameter("weight", None)

    def __call__(self, x_BTD: Tensor) -> Tensor:
        """Return the columns of all layers, side by side.

        Shape:
            Returns `[B, T, W]`.
        """
        if self.is_packed:
            return cast(
                "Tensor",
                torch.ops.mkldnn._linear_pointwise(x_BTD, self._weight_WD, self._bias_W, "none", [], ""),
            )
        return functional.linear(x_BTD, self._weight_WD, self._bias_W)


def can_pack(weight: Tensor) -> bool:
    """Return whether products with a packed weight are faster, and available.

    PyTorch repacks a plain weight in each product. In bfloat16 products with a packed one take 0.55-0.8 of the time;
    most results are equal, and some differ by one rounding. In float32 products with few tokens take longer.
    """
    return (
        weight.device.type == "cpu"
        and weight.dtype is torch.bfloat16
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own
        and all(hasattr(torch.ops.mkldnn, name) for name in _OPERATIONS)
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


@torch.no_grad()
def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Join parameters and make them views of the result; return what an earlier call joined."""
    first = parts[0].detach()
    if len(parts) == 1:
        return first
    sizes = [part.shape[0] for part in parts]
    if _are_adjacent(parts):
        return first.as_strided((sum(sizes), *first.shape[1:]), first.stride())
    joined = torch.cat([part.detach() for part in parts])
    for part, view in zip(parts, torch.split(joined, sizes), strict=True):
        part.data = view
    return joined


def _are_adjacent(parts: Sequence[Tensor]) -> bool:
    """Return whether each part begins where the one before it ends."""
    ends = [part.data_ptr() + part.nbytes for part in parts]
    storages = {part.untyped_storage().data_ptr() for part in parts}
    begins = [part.data_ptr() for part in parts]
    return len(storages) == 1 and begins[1:] == ends[:-1] and all(part.is_contiguous() for part in parts)
