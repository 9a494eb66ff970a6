"""Rotation of a teacher's sentence vectors towards the student's.

A rotation of all vectors changes neither cosines nor a regression, so the student learns the rotated copy of the
teacher that is nearest to its own vectors.

Shapes: N texts, W the teacher's width, D the student's.
"""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_rotation(teacher_NW: Tensor, student_ND: Tensor) -> Tensor:
    """Return the map from the teacher's vectors to the student's width that loses least and is nearest.

    It takes the teacher's strongest D directions (singular value decomposition) and applies the rotation that solves
    the orthogonal Procrustes problem (Schoenemann 1966).

    Shape:
        Returns `[W, D]`, float32, with orthonormal columns; W must be at least D.

    Raises:
        ValueError: The teacher's vectors are narrower than the student's.
    """
    teacher_NW, student_ND = teacher_NW.float(), student_ND.float()
    width = student_ND.shape[1]
    if teacher_NW.shape[1] < width:
        raise ValueError(
            f"The teacher's vectors have {teacher_NW.shape[1]} dimensions, fewer than the student's {width}. "
            "Choose a wider teacher."
        )
    directions_WW = torch.linalg.eigh(teacher_NW.T @ teacher_NW).eigenvectors
    strongest_WD = directions_WW[:, -width:]
    left_DD, _, right_DD = torch.linalg.svd((teacher_NW @ strongest_WD).T @ student_ND)
    rotation_WD: Tensor = strongest_WD @ left_DD @ right_DD
    return rotation_WD
