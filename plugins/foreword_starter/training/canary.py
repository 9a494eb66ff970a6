"""The canary: a regression on the encoder's sentence vectors, which shows within a second if training damages them.

Shapes: N rows, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

Encode = Callable[[Sequence[str]], Tensor]


@torch.no_grad()
def canary(encode: Encode, texts: Sequence[str], answers: Sequence[str], *, folds: int = 5, repeats: int = 5) -> float:
    """Return the accuracy of a logistic regression over whole answers, by repeated k-fold cross-validation.

    Args:
        encode: Encodes texts to vectors, `[N, D]`; they are normalised here.
        answers: One answer per text; rows with the same labels have the same answer.
    """
    vectors = torch.cat([encode(texts[first : first + 50]) for first in range(0, len(texts), 50)])
    inputs = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
    classes = np.unique(np.asarray(answers), return_inverse=True)[1]
    right = 0
    for train, test in (split for repeat in range(repeats) for split in _folds(classes, folds, repeat)):
        regression = LogisticRegression(C=10.0, max_iter=2000).fit(inputs[train], classes[train])
        right += int((regression.predict(inputs[test]) == classes[test]).sum())
    return right / len(texts) / repeats


def _folds(classes: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows into folds, stratified by class; classes with fewer rows than folds are distributed at random."""
    sizes = np.bincount(classes)
    coarse = np.where(sizes[classes] >= folds, classes, -1)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros((len(classes), 1)), coarse))
