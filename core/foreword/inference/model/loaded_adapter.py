"""A tuned model's adapter, ready to serve."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.network.adapter import Adapter
from foreword.network.prompt_states import PromptStates


@dataclass(eq=False, slots=True, kw_only=True)
class LoadedAdapter(Adapter):
    """A tuned adapter on the device of its base model.

    Attributes:
        states: Causal models only: the states of the prompt, which do not depend on the text. They are computed on
            first use and kept as long as the adapter, because its factors change them, too.
    """

    states: PromptStates | None = None

    @property
    def byte_size(self) -> int:
        """Memory of prompt and factors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.vectors_PD, *self.factors_W.values()))
