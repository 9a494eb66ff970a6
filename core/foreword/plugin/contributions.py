"""The contributions of a tuning method to a base model, so that the engine can batch rows of every kind.

A method never patches a model. It returns contributions, which the engine gathers row by row. The unchanged base model
serves rows without contributions. Shapes: P virtual tokens, D width of the embeddings, W width of a site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeds:
    """Vectors in front of the embedded input.

    Shape:
        vectors_PD: `[P, D]`, in the scale of the base model's own input embeddings, as they enter its first layer.
    """

    vectors_PD: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """Factors for the activations at sites of the base model; other sites stay unchanged.

    Shape:
        scales_W: `[W]` each, by name of the site.
    """

    scales_W: Mapping[str, Tensor]


Contribution = Embeds | Affine
"""Every kind of contribution that the engine supports."""


def soft_prompt(contributions: Iterable[Contribution]) -> Tensor | None:
    """Return the vectors in front of the input, or None if there are none.

    Shape:
        Returns `[P, D]`.
    """
    return next((item.vectors_PD for item in contributions if isinstance(item, Embeds)), None)


def site_scales(contributions: Iterable[Contribution]) -> Mapping[str, Tensor]:
    """Return the factors by site name; empty if no site is scaled."""
    return next((item.scales_W for item in contributions if isinstance(item, Affine)), {})
