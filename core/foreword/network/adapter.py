"""What one adapter adds to a base model.

Legend: P virtual tokens, D width, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreword.domain.base_model import BaseModelSpec
from foreword.plugin.contributions import Contribution, site_scales, soft_prompt
from foreword.plugin.scaling import factors_by_module


@dataclass(eq=False, slots=True, kw_only=True)
class Adapter:
    """The contributions of one adapter, as the passes of a base model use them.

    Attributes:
        vectors_PD: The prompt in the base model's dtype; of length 0 where there is none.
        factors_W: By path of the projection, in fp32: bfloat16 rounds 1.003 to 1.
    """

    vectors_PD: Tensor
    factors_W: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Virtual tokens."""
        return self.vectors_PD.shape[0]

    @property
    def is_empty(self) -> bool:
        """True if the base model stays as it is."""
        return not self.length and not self.factors_W


def make_adapter(
    contributions: Sequence[Contribution], spec: BaseModelSpec, *, device: torch.device, dtype: torch.dtype
) -> Adapter:
    """Combine contributions to an adapter; gradients flow back through it.

    Several prompts are joined in their order, and several factors of one site are multiplied.

    Args:
        dtype: Dtype of the base model.

    Raises:
        ValueError: They do not fit the base model.
    """
    vectors_PD = soft_prompt(contributions)
    if vectors_PD is None:
        vectors_PD = torch.zeros(0, spec.hidden_size)
    if vectors_PD.ndim != 2 or vectors_PD.shape[1] != spec.hidden_size:
        raise ValueError(
            f"the soft prompt has the shape {list(vectors_PD.shape)}, and its vectors must have the width "
            f"{spec.hidden_size}"
        )
    factors = factors_by_module(spec.sites, site_scales(contributions))
    return Adapter(
        vectors_PD=vectors_PD.to(device=device, dtype=dtype),
        factors_W={path: factor_W.to(device=device, dtype=torch.float32) for path, factor_W in factors.items()},
    )
