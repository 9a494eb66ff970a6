"""Finds the sites of a network: where a tuning method may scale what passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from foreword.domain.site import Site, SiteKind, Stream

if TYPE_CHECKING:
    from torch import nn

_PROJECTIONS: Final[Mapping[str, tuple[SiteKind, ...]]] = {
    # BART; Llama and its like.
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
    # GPT-2, whose one projection makes queries, keys and values side by side.
    "attn.c_attn": (SiteKind.QUERY, SiteKind.KEY, SiteKind.VALUE),
    "mlp.c_proj": (SiteKind.FEED_FORWARD,),
}
"""What the projections of the supported families make, by the end of their path."""


def find_sites(network: nn.Module) -> tuple[Site, ...]:
    """The sites of a transformers model of a supported family, encoder first, in the order of the layers.

    Args:
        network: May be on the meta device: only names and shapes are looked at.
    """
    found: list[Site] = []
    for path, module in network.named_modules():
        kinds = _kinds_of(path)
        if not kinds:
            continue
        taken, given = _widths(module)
        whole = taken if kinds == (SiteKind.FEED_FORWARD,) else given
        width = whole // len(kinds)
        stream = Stream.ENCODER if "encoder" in path.split(".") else Stream.DECODER
        found += [
            Site(module=path, kind=kind, stream=stream, width=width, start=place * width, module_width=whole)
            for place, kind in enumerate(kinds)
        ]
    return tuple(found)


def _kinds_of(path: str) -> tuple[SiteKind, ...]:
    """What a projection makes; empty for every other module."""
    parts = path.split(".")
    return _PROJECTIONS.get(".".join(parts[-2:])) or _PROJECTIONS.get(parts[-1], ())


def _widths(projection: nn.Module) -> tuple[int, int]:
    """Columns that a projection takes and gives; GPT-2's Conv1D keeps its weight the other way round."""
    from torch import nn

    if isinstance(projection, nn.Linear):
        return projection.in_features, projection.out_features
    taken, given = projection.get_parameter("weight").shape
    return taken, given
