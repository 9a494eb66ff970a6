"""Places in a base model where a tuning method may scale what passes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SiteKind(Enum):
    """What passes a site."""

    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    FEED_FORWARD = "feed_forward"


class Stream(Enum):
    """Which side of a base model a site is on; cross-attention is the decoder's."""

    ENCODER = "encoder"
    DECODER = "decoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One such place: columns of what a projection gives, or takes.

    Queries, keys and values are columns of what their projection gives, heads side by side, before positions turn them;
    feed-forward activations are what the last projection of a feed-forward block takes.

    Attributes:
        module: Dotted path of the projection in the network.
        width: Columns.
        start: First of them; other than 0 where one projection makes queries, keys and values together.
        module_width: Columns of the whole projection.
    """

    module: str
    kind: SiteKind
    stream: Stream
    width: int
    start: int
    module_width: int

    @property
    def name(self) -> str:
        """Tells the site from all others of its model."""
        if self.width == self.module_width:
            return self.module
        return f"{self.module}[{self.start}:{self.start + self.width}]"
