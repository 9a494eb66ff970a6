"""Initial vectors of a soft prompt, computed by a regression on the model's own sentence vectors.

There is one vector for each answer: its name plus the direction of its inputs. A prompt that starts from these vectors
starts with the knowledge of the regression.

Shapes: N rows, U answers, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

PENALTY: Final = 2.0
"""Penalty of the ridge regression. Values from 1 to 3 were best on 160 complaints and sentence vectors of length 1."""


def answer_vectors(
    pooled_ND: Tensor, answers: Sequence[tuple[int, ...]], *, most: int, embed: Callable[[Sequence[int]], Tensor]
) -> Tensor:
    """Return a vector for each of the most frequent answers, most frequent first.

    Args:
        pooled_ND: Mean of the model's states over each input's tokens, float32.
        answers: The answers of the rows as token ids, without the end token.
        most: Maximum number of vectors.
        embed: Returns embeddings of token ids as they enter the first layer, `[N, D]`.

    Shape:
        Returns `[U, D]`, U at most `most`. U is 0 if answers hardly repeat, because there is nothing to regress on.
    """
    import torch

    places = {answer: place for place, (answer, _) in enumerate(Counter(answers).most_common(most))}
    if not all(places) or 2 * len(set(answers)) > len(answers):
        return pooled_ND.new_zeros(0, pooled_ND.shape[1])
    targets_N = torch.tensor([places.get(answer, -1) for answer in answers], device=pooled_ND.device)
    directions_UD = answer_directions(pooled_ND, targets_N, len(places))
    names_UD = torch.stack([embed(answer).mean(dim=0) for answer in places]).to(pooled_ND)
    vectors_UD: Tensor = names_UD + directions_UD * names_UD.norm(dim=-1).mean()
    return vectors_UD


def answer_directions(pooled_ND: Tensor, targets_N: Tensor, num_answers: int) -> Tensor:
    """Return the directions of a ridge regression over normalised vectors, each answer against all others.

    Rare answers have short directions, because there is little evidence for them.

    Args:
        targets_N: The index of each row's answer; -1 for a row whose answer has no index.

    Shape:
        Returns `[U, D]`, with a mean norm of 1.
    """
    import torch

    pooled_ND = torch.nn.functional.normalize(pooled_ND.float(), dim=-1)
    centred_ND = pooled_ND - pooled_ND.mean(dim=0)
    targets_NU = (targets_N[:, None] == torch.arange(num_answers, device=targets_N.device)).float()
    # The system is solved over rows, not dimensions: there are fewer rows.
    kernel_NN = centred_ND @ centred_ND.T + PENALTY * torch.eye(len(centred_ND), device=centred_ND.device)
    directions_UD: Tensor = (centred_ND.T @ torch.linalg.solve(kernel_NN, targets_NU - targets_NU.mean(dim=0))).T
    directions_UD /= directions_UD.norm(dim=-1).mean().clamp_min(1e-6)
    return directions_UD
