"""Regressions on frozen sentence embeddings of the same rows, as a reference for tuning.

Shapes: N rows, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from foreword.domain.dataset import Row

INVERSE_REGULARISATION: Final = 10.0


def label_powerset(vectors_ND: np.ndarray, rows: Sequence[Row], tests_ND: np.ndarray) -> list[str]:
    """Return the answers of one regression over label sets; it never returns a set that is not in the training rows."""
    answers = np.asarray([_canonical(row.output) for row in rows])
    if len(set(answers)) == 1:
        return [str(answers[0])] * len(tests_ND)
    regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=2000).fit(vectors_ND, answers)
    return [str(answer) for answer in regression.predict(tests_ND)]


def one_versus_rest(vectors_ND: np.ndarray, rows: Sequence[Row], tests_ND: np.ndarray) -> list[str]:
    """Return the answers of one regression per label: every label above one half, or else the likeliest."""
    binarizer = MultiLabelBinarizer()
    targets = binarizer.fit_transform([_labels(row.output) for row in rows])
    inner = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=2000)
    scores = OneVsRestClassifier(inner).fit(vectors_ND, targets).predict_proba(tests_ND)
    chosen = (scores > 0.5) | (scores == scores.max(axis=1, keepdims=True))
    return [", ".join(str(label) for label in binarizer.classes_[row]) for row in chosen]


def _labels(output: str) -> list[str]:
    return [part.strip() for part in output.split(",")]


def _canonical(output: str) -> str:
    return ", ".join(sorted(_labels(output)))
