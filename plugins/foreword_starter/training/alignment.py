"""A teacher's sentence vectors, turned to where the student's already are.

Neither cosines nor a regression change when all vectors are turned alike, so of all turned copies of the teacher the
student learns the nearest one.

Shapes: N texts, W the teacher's width, D the student's.
"""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_turn(teacher_NW: Tensor, student_ND: Tensor) -> Tensor:
    """The map from the teacher's vectors to the student's width that loses least and lands nearest.

    The teacher's strongest D directions (singular value decomposition), turned by the rotation that solves the
    orthogonal Procrustes problem (Schoenemann 1966).

    Shape:
        Returns `[W, D]`, float32, with orthonormal columns; W must be at least D.
    """
    teacher_NW, student_ND = teacher_NW.float(), student_ND.float()
    width = student_ND.shape[1]
    if teacher_NW.shape[1] < width:
        raise ValueError(f"the teacher's vectors have {teacher_NW.shape[1]} dimensions; {width} are needed at least")
    directions_WW = torch.linalg.eigh(teacher_NW.T @ teacher_NW).eigenvectors
    strongest_WD = directions_WW[:, -width:]
    left_DD, _, right_DD = torch.linalg.svd((teacher_NW @ strongest_WD).T @ student_ND)
    turn_WD: Tensor = strongest_WD @ left_DD @ right_DD
    return turn_WD
