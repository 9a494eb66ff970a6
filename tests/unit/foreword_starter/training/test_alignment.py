from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from foreword_starter.training.alignment import nearest_rotation


def test_a_rotated_copy_of_the_student_is_rotated_back():
    student_ND = normalize(torch.randn(200, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    rotation_DD = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(1))).Q
    teacher_NW = torch.cat([student_ND @ rotation_DD, torch.zeros(200, 8)], dim=1)

    found_ND = teacher_NW @ nearest_rotation(teacher_NW, student_ND)

    torch.testing.assert_close(found_ND, student_ND, rtol=0, atol=1e-4)


def test_the_rotation_preserves_similarities_between_texts():
    generator = torch.Generator().manual_seed(0)
    teacher_NW = normalize(torch.randn(300, 8, generator=generator) @ torch.randn(8, 24, generator=generator), dim=-1)

    rotated_ND = teacher_NW @ nearest_rotation(teacher_NW, torch.randn(300, 12, generator=generator))

    torch.testing.assert_close(rotated_ND @ rotated_ND.T, teacher_NW @ teacher_NW.T, rtol=0, atol=1e-4)


def test_a_teacher_narrower_than_the_student_is_refused():
    with pytest.raises(ValueError, match="have 8 dimensions, fewer than the student's 12"):
        nearest_rotation(torch.randn(30, 8), torch.randn(30, 12))
