"""Choosing the next token of every row at once, each by its own parameters.

A parameter costs only the rows that set it: `Work` notes their places whenever rows join or leave, so that a step looks
at no tensor to find out.

Legend: B rows, R rows that a parameter concerns, N tokens at most, E end tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foreword.domain.inference import GenerateParameters
from foreword.inference.decoding.penalties import favour_end, penalize_repetition
from foreword.inference.decoding.row_tensors import RowTensors
from foreword.inference.decoding.sampling import sample
from foreword.inference.decoding.token_details import TokenDetails


@dataclass(eq=False, slots=True, kw_only=True)
class Choice(RowTensors):
    """The tokens chosen for each row, and the parameters of the next choice.

    Attributes:
        seen_BV: Tokens that a repetition penalty is for; without columns while no row has one.
    """

    last_B: Tensor
    count_B: Tensor
    least_B: Tensor
    most_B: Tensor
    temperature_B: Tensor
    top_k_B: Tensor
    top_p_B: Tensor
    repetition_B: Tensor
    decay_B: Tensor
    decay_start_B: Tensor
    seed_B: Tensor
    seen_BV: Tensor
    tokens_BN: Tensor
    details: TokenDetails

    @classmethod
    def begin(
        cls,
        parameters: Sequence[GenerateParameters],
        *,
        most: Sequence[int],
        seen: Sequence[Sequence[int]],
        vocabulary: int,
        device: torch.device,
    ) -> Choice:
        """Make the state of rows that have no token yet.

        Args:
            most: Tokens that each row may generate.
            seen: Tokens of each row's input that count as said before.
            vocabulary: Tokens that there are.
        """
        rows, columns = len(parameters), max(most)
        repeating = any(item.repetition_penalty != 1 for item in parameters)
        seen_BV = torch.zeros(rows, vocabulary if repeating else 0, dtype=torch.bool)
        for row, item in enumerate(parameters):
            if item.repetition_penalty != 1:
                seen_BV[row, torch.tensor(seen[row], dtype=torch.long)] = True
        detailed = [item.return_options for item in parameters if item.return_options.generated_details]
        penalties = [item.length_penalty for item in parameters]
        return cls(
            last_B=torch.zeros(rows, dtype=torch.long, device=device),
            count_B=torch.zeros(rows, dtype=torch.long, device=device),
            least_B=torch.tensor([item.min_new_tokens for item in parameters], device=device),
            most_B=torch.tensor(most, device=device),
            temperature_B=torch.tensor([item.temperature for item in parameters], device=device),
            top_k_B=torch.tensor([item.top_k for item in parameters], device=device),
            top_p_B=torch.tensor([item.top_p for item in parameters], device=device),
            repetition_B=torch.tensor([item.repetition_penalty for item in parameters], device=device),
            decay_B=torch.tensor([item.decay_factor if item else 1.0 for item in penalties], device=device),
            decay_start_B=torch.tensor([item.start_index if item else 0 for item in penalties], device=device),
            seed_B=torch.tensor([item.seed for item in parameters], device=device),
            seen_BV=seen_BV.to(device),
            tokens_BN=torch.zeros(rows, columns, dtype=torch.long, device=device),
            details=TokenDetails.empty(
                rows,
                columns if detailed else 0,
                max((options.top_n_tokens for options in detailed), default=0),
                device,
            ),
        )

    def advance(self, logits_BV: Tensor, work: Work, *, ends_E: Tensor, first: int | None) -> Tensor:
        """Choose and record the next token of every row.

        Args:
            logits_BV: The model's, in fp32; changed.
            work: Of these rows.
            ends_E: Tokens that end an answer.
            first: The token that every answer begins with, if there is one.

        Shape:
            Returns `[B]`.
        """
        detailed_R = work.detailed_R
        # Before anything is changed: the model's own probabilities.
        log_probs_RV = None if detailed_R is None else logits_BV[detailed_R].log_softmax(dim=-1)
        self._penalize(logits_BV, work, ends_E)
        ids_B = logits_BV.argmax(dim=-1)
        if work.sampling_R is not None:
            rows_R = work.sampling_R
            ids_B[rows_R] = sample(
                logits_BV[rows_R],
                temperature_B=self.temperature_B[rows_R],
                top_k_B=self.top_k_B[rows_R],
                top_p_B=self.top_p_B[rows_R],
                seed_B=self.seed_B[rows_R],
                count_B=self.count_B[rows_R],
            )
        if first is not None:
            ids_B = torch.where(self.count_B == 0, first, ids_B)
        if detailed_R is not None and log_probs_RV is not None:
            self.details.record(detailed_R, self.count_B[detailed_R], log_probs_RV, ids_B[detailed_R])
        if work.repeating_R is not None:
            self.seen_BV.scatter_(1, ids_B[:, None], True)
        self.tokens_BN.scatter_(1, self.count_B[:, None], ids_B[:, None])
        self.last_B = ids_B
        self.count_B = self.count_B + 1
        return ids_B

    def trim(self, work: Work) -> None:
        """Free the memory that only rows which have left needed."""
        if work.repeating_R is None:
            self.seen_BV = self.seen_BV[:, :0]

    def _penalize(self, logits_BV: Tensor, work: Work, ends_E: Tensor) -> None:
        """Change logits in place: repetition, then length, then the least number of tokens."""
        if work.repeating_R is not None:
            rows_R = work.repeating_R
            logits_BV[rows_R] = penalize_repetition(logits_BV[rows_R], self.seen_BV[rows_R], self.repetition_B[rows_R])
        if work.decaying_R is not None:
            rows_R, rows_R1 = work.decaying_R, work.decaying_R[:, None]
            logits_BV[rows_R1, ends_E] = favour_end(
                logits_BV[rows_R1, ends_E], self.count_B[rows_R], self.decay_start_B[rows_R], self.decay_B[rows_R]
            )
        if work.least_R is not None:
            rows_R, rows_R1 = work.least_R, work.least_R[:, None]
            early_R1 = (self.count_B[rows_R] < self.least_B[rows_R])[:, None]
            logits_BV[rows_R1, ends_E] = logits_BV[rows_R1, ends_E].masked_fill(early_R1, -torch.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The indices of the rows that need more than the likeliest token, by parameter; None if no row sets it."""

    sampling_R: Tensor | None = None
    least_R: Tensor | None = None
    repeating_R: Tensor | None = None
    decaying_R: Tensor | None = None
    detailed_R: Tensor | None = None

    @classmethod
    def of(cls, parameters: Sequence[GenerateParameters], device: torch.device) -> Work:
        """Find the rows that each parameter concerns."""

        def places(concerned: Callable[[GenerateParameters], bool]) -> Tensor | None:
            found = [place for place, item in enumerate(parameters) if concerned(item)]
            return torch.tensor(found, device=device) if found else None

        return cls(
            sampling_R=places(lambda item: item.sample),
            least_R=places(lambda item: item.min_new_tokens > 0),
            repeating_R=places(lambda item: item.repetition_penalty != 1),
            decaying_R=places(lambda item: item.length_penalty is not None),
            detailed_R=places(lambda item: item.return_options.generated_details),
        )
