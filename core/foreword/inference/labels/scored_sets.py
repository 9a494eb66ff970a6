"""The scored answers of one row: their probabilities, the choice of one of them, and the classification."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from foreword.domain.inference import Classification, GenerateParameters, LabelSet, TokenUsage
from foreword.errors import ArtifactError
from foreword.inference.decoding.sampling import sample
from foreword.plugin.interfaces import LabelSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSets:
    """The scored answers of one row, likeliest first.

    Attributes:
        log_probs: Log-probability of each answer as a whole, end token included, in nats.
        token_counts: Tokens of each answer, end token included.
    """

    space: LabelSpace
    sets: tuple[tuple[str, ...], ...]
    log_probs: tuple[float, ...]
    token_counts: tuple[int, ...]

    def check(self) -> None:
        """Raise ArtifactError when the adapter made numbers that are not finite."""
        if not all(map(math.isfinite, self.log_probs)):
            raise ArtifactError(
                "The tuned model makes the base model overflow; it cannot be used. Tune again with a smaller learning "
                "rate.",
                reason="ARTIFACT_OVERFLOWS",
            )

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Share of each answer in the probability of all that were scored."""
        shares: list[float] = torch.tensor(self.log_probs, dtype=torch.float64).softmax(dim=0).tolist()
        return tuple(shares)

    @property
    def label_probabilities(self) -> dict[str, float]:
        """Probability of each label of the space: the sum over the answers that contain it."""
        labels = dict.fromkeys(self.space.labels, 0.0)
        for names, share in zip(self.sets, self.probabilities, strict=True):
            for name in names:
                labels[name] += share
        return {name: min(share, 1.0) for name, share in labels.items()}

    def divided(self, temperature: float) -> ScoredSets:
        """Return the same answers with their log-probabilities divided by a temperature above 0, which calibrates."""
        if temperature == 1:
            return self
        return replace(self, log_probs=tuple(value / temperature for value in self.log_probs))

    def choose(self, parameters: GenerateParameters) -> int:
        """Choose the place of the answer: the likeliest, or one drawn with the request's seed."""
        if not parameters.sample:
            return 0
        chosen = sample(
            torch.tensor([self.log_probs]),
            temperature_B=torch.tensor([parameters.temperature]),
            top_k_B=torch.tensor([parameters.top_k]),
            top_p_B=torch.tensor([parameters.top_p]),
            seed_B=torch.tensor([parameters.seed]),
            count_B=torch.tensor([0]),
        )
        return int(chosen)

    def text(self, place: int) -> str:
        """Return the answer at a place as text."""
        return self.space.text(self.sets[place])

    def classification(self, *, input_tokens: int, soft_prompt_tokens: int) -> Classification:
        """Return the answers with their probabilities, and the probability of each label."""
        return Classification(
            label_sets=tuple(
                LabelSet(labels=names, probability=share)
                for names, share in zip(self.sets, self.probabilities, strict=True)
            ),
            label_probabilities=self.label_probabilities,
            usage=TokenUsage(
                input_tokens=input_tokens,
                generated_tokens=self.token_counts[0],
                soft_prompt_tokens=soft_prompt_tokens,
            ),
        )
