"""Places in a base model where a tuning method may scale activations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SiteKind(Enum):
    """The kind of activations at a site."""

    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    FEED_FORWARD = "feed_forward"


class Stream(Enum):
    """The side of a base model that a site is on; cross-attention belongs to the decoder."""

    ENCODER = "encoder"
    DECODER = "decoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place where activations may be scaled: columns of the output or the input of a projection.

    Queries, keys and values are columns of the output of their projection, heads side by side, before rotary position
    embeddings are applied. Feed-forward activations are the input of the last projection of a feed-forward block.

    Attributes:
        module: Dotted path of the projection in the network.
        width: Number of columns.
        start: First column; not 0 if one projection computes queries, keys and values together.
        module_width: Number of columns of the whole projection.
    """

    module: str
    kind: SiteKind
    stream: Stream
    width: int
    start: int
    module_width: int

    @property
    def name(self) -> str:
        """Name of the site, unique within its model."""
        if self.width == self.module_width:
            return self.module
        return f"{self.module}[{self.start}:{self.start + self.width}]"
