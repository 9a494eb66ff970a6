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
    """Return the vectors in front of the input, or None if there are none; several prompts are joined in their order.

    Raises:
        ValueError: Their vectors have different widths.

    Shape:
        Returns `[P, D]`.
    """
    prompts = [item.vectors_PD for item in contributions if isinstance(item, Embeds)]
    if len(prompts) < 2:
        return prompts[0] if prompts else None
    import torch

    if len({prompt.shape[1:] for prompt in prompts}) > 1:
        shapes = ", ".join(str(list(prompt.shape)) for prompt in prompts)
        raise ValueError(f"soft prompts of the shapes {shapes} cannot be joined")
    return torch.cat(prompts)


def site_scales(contributions: Iterable[Contribution]) -> Mapping[str, Tensor]:
    """Return the factors by site name; empty if no site is scaled. Several factors of one site are multiplied.

    Raises:
        ValueError: They have different widths.
    """
    scales_W: dict[str, Tensor] = {}
    for item in contributions:
        if not isinstance(item, Affine):
            continue
        for name, scale_W in item.scales_W.items():
            before_W = scales_W.get(name)
            if before_W is not None and before_W.shape != scale_W.shape:
                raise ValueError(
                    f"scales of the shapes {list(before_W.shape)} and {list(scale_W.shape)} for {name[:200]} "
                    "cannot be multiplied"
                )
            scales_W[name] = scale_W if before_W is None else before_W * scale_W
    return scales_W
