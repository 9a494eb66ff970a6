"""Ridge regression of answers on the model's own sentence vectors.

It gives the initial vectors of a soft prompt, one for each answer: its name plus the direction of its inputs. A prompt
that starts from these vectors starts with the knowledge of the regression. It also predicts the answer of each row from
all other rows.

Shapes: N rows, U answers, L labels, D width.
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


def left_out_predictions(pooled_ND: Tensor, targets_NL: Tensor) -> Tensor:
    """Return what the regression predicts for each row if that row is left out.

    All rows are solved for at once: the residual of a left-out row follows from the diagonal of the projection (Allen
    1974, https://doi.org/10.1080/00401706.1974.10489157). The means are those of all rows.

    Args:
        targets_NL: What to predict, 1 for the labels of each row's answer and 0 for the others.

    Shape:
        Returns `[N, L]`, float32.
    """
    import torch

    pooled_ND = torch.nn.functional.normalize(pooled_ND.float(), dim=-1)
    centred_ND, mean_L = pooled_ND - pooled_ND.mean(dim=0), targets_NL.float().mean(dim=0)
    residual_NL = targets_NL.float() - mean_L
    # The system is solved over dimensions: there may be far more rows.
    kernel_DD = centred_ND.T @ centred_ND + PENALTY * torch.eye(centred_ND.shape[1], device=centred_ND.device)
    weights_DN = torch.linalg.solve(kernel_DD, centred_ND.T)
    own_N1 = (centred_ND * weights_DN.T).sum(dim=1, keepdim=True)
    fitted_NL = centred_ND @ (weights_DN @ residual_NL)
    predicted_NL: Tensor = mean_L + (fitted_NL - own_N1 * residual_NL) / (1 - own_N1)
    return predicted_NL
