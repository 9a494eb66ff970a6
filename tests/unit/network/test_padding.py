from __future__ import annotations

import torch

from foreword.network.padding import padded

CPU = torch.device("cpu")


def test_rows_are_padded_to_the_longest_of_them_not_to_a_fixed_length():
    ids_BT, valid_BT = padded([[5, 6, 7], [8]], device=CPU)

    assert ids_BT.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert valid_BT.tolist() == [[True, True, True], [True, False, False]]


def test_rows_that_are_continued_are_padded_in_front():
    ids_BT, valid_BT = padded([[5, 6, 7], [8]], device=CPU, left=True)

    assert ids_BT.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert valid_BT.tolist() == [[True, True, True], [False, False, True]]
