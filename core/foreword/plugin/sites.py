"""The sites of a network: the places where a tuning method may scale activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from foreword.domain.site import Site, SiteKind, Stream

if TYPE_CHECKING:
    from torch import nn

_PROJECTIONS: Final[Mapping[str, tuple[SiteKind, ...]]] = {
    # BART, Llama and similar models.
    "q_proj": (SiteKind.QUERY,),
    "k_proj": (SiteKind.KEY,),
    "v_proj": (SiteKind.VALUE,),
    "fc2": (SiteKind.FEED_FORWARD,),
    "down_proj": (SiteKind.FEED_FORWARD,),
    # T5.
    "SelfAttention.q": (SiteKind.QUERY,),
    "SelfAttention.k": (SiteKind.KEY,),
    "SelfAttention.v": (SiteKind.VALUE,),
    "EncDecAttention.q": (SiteKind.QUERY,),
    "EncDecAttention.k": (SiteKind.KEY,),
    "EncDecAttention.v": (SiteKind.VALUE,),
    "DenseReluDense.wo": (SiteKind.FEED_FORWARD,),
    # GPT-2, whose single projection computes queries, keys and values side by side.
    "attn.c_attn": (SiteKind.QUERY, SiteKind.KEY, SiteKind.VALUE),
    "mlp.c_proj": (SiteKind.FEED_FORWARD,),
}
"""The outputs of the projections of the supported families, by the end of their path."""


def find_sites(network: nn.Module) -> tuple[Site, ...]:
    """Return the sites of a transformers model of a supported family, encoder first, in the order of the layers.

    Args:
        network: The model. It may be on the meta device: only names and shapes are read.
    """
    found: list[Site] = []
    for path, module in network.named_modules():
        kinds = _kinds_of(path)
        if not kinds:
            continue
        input_width, output_width = projection_widths(module)
        whole = input_width if kinds == (SiteKind.FEED_FORWARD,) else output_width
        width = whole // len(kinds)
        stream = Stream.ENCODER if "encoder" in path.split(".") else Stream.DECODER
        found += [
            Site(module=path, kind=kind, stream=stream, width=width, start=place * width, module_width=whole)
            for place, kind in enumerate(kinds)
        ]
    return tuple(found)


def _kinds_of(path: str) -> tuple[SiteKind, ...]:
    """Return the kinds of output of a projection; empty for every other module."""
    parts = path.split(".")
    return _PROJECTIONS.get(".".join(parts[-2:])) or _PROJECTIONS.get(parts[-1], ())


def projection_widths(projection: nn.Module) -> tuple[int, int]:
    """Return the input and output width of a projection; GPT-2's Conv1D stores its weight transposed."""
    from torch import nn

    if isinstance(projection, nn.Linear):
        return projection.in_features, projection.out_features
    input_width, output_width = projection.get_parameter("weight").shape
    return input_width, output_width
