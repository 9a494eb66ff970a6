"""A tuned model's adapter, ready to serve.

Legend: P virtual tokens, D width, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(eq=False, slots=True, kw_only=True)
class LoadedAdapter:
    """A tuned adapter on the device of its base model.

    Attributes:
        vectors_PD: The prompt in the base model's dtype; of length 0 where there is none.
        factors_W: By path of the projection, in fp32: bfloat16 rounds 1.003 to 1.
        key_values: Causal models only: the states of the prompt, which do not depend on the text. They are computed on
            first use and kept as long as the adapter, because its factors change them, too.
    """

    vectors_PD: Tensor
    factors_W: Mapping[str, Tensor] = field(default_factory=dict)
    key_values: list[tuple[Tensor, Tensor]] | None = None

    @property
    def length(self) -> int:
        """Virtual tokens."""
        return self.vectors_PD.shape[0]

    @property
    def byte_size(self) -> int:
        """Memory of prompt and factors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.vectors_PD, *self.factors_W.values()))
