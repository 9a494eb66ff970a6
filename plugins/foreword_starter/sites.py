"""Sites of the embedded base model at which tuning methods may scale activations, known without loading it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from foreword.domain.site import Site, SiteKind, Stream

_WIDTH: Final = 384
_FEED_FORWARD_WIDTH: Final = 1536
_LAYERS: Final = {Stream.ENCODER: 6, Stream.DECODER: 4}
_ATTENTIONS: Final = {Stream.ENCODER: ("self_attn",), Stream.DECODER: ("self_attn", "encoder_attn")}
_PROJECTIONS: Final = {"k_proj": SiteKind.KEY, "v_proj": SiteKind.VALUE, "q_proj": SiteKind.QUERY}


def _sites() -> Iterator[Site]:
    for stream, count in _LAYERS.items():
        for number in range(count):
            layer = f"model.{stream.value}.layers.{number}"
            for attention in _ATTENTIONS[stream]:
                for projection, kind in _PROJECTIONS.items():
                    yield _site(f"{layer}.{attention}.{projection}", kind, stream, _WIDTH)
            yield _site(f"{layer}.fc2", SiteKind.FEED_FORWARD, stream, _FEED_FORWARD_WIDTH)


def _site(module: str, kind: SiteKind, stream: Stream, width: int) -> Site:
    return Site(module=module, kind=kind, stream=stream, width=width, start=0, module_width=width)


SITES: Final = tuple(_sites())
"""The sites that `foreword.plugin.sites` finds in the network; a test compares the two."""
