from __future__ import annotations

import pytest
import torch

from foreword.plugin.regression import PENALTY, answer_directions, answer_vectors, left_out_predictions


def pooled(counts, *, width=16):
    """Return vectors around one axis for each answer, and the indices of the answers."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.cat([torch.full((count,), place) for place, count in enumerate(counts)])
    return torch.eye(width)[targets] * 3 + torch.randn(len(targets), width, generator=generator), targets


def test_each_direction_separates_the_rows_of_its_answer_from_the_others():
    vectors, targets = pooled([20, 20, 20])

    directions = answer_directions(vectors, targets, 3)

    scores = torch.nn.functional.normalize(vectors, dim=-1) @ directions.T
    assert (scores.argmax(dim=1) == targets).float().mean() > 0.95


def test_directions_have_a_mean_length_of_one_and_rare_answers_shorter_ones():
    vectors, targets = pooled([40, 40, 4])

    lengths = answer_directions(vectors, targets, 3).norm(dim=-1)

    assert lengths.mean().item() == pytest.approx(1.0)
    assert lengths[2] < lengths[:2].min()


def test_rows_without_an_answer_index_count_against_all_answers():
    vectors, targets = pooled([20, 20, 20])

    directions = answer_directions(vectors, torch.where(targets == 2, -1, targets), 2)

    scores = torch.nn.functional.normalize(vectors[targets == 2], dim=-1) @ directions.T
    own = torch.nn.functional.normalize(vectors[targets == 0], dim=-1) @ directions[0]
    assert scores.max() < own.mean()


def test_frequent_answers_come_first_and_rare_ones_without_room_are_left_out():
    vectors, targets = pooled([3, 9, 6])
    table = torch.randn(10, 16) * 100

    found = answer_vectors(
        vectors, [(int(target) + 4,) for target in targets], most=2, embed=lambda ids: table[list(ids)]
    )

    size = table[5:7].norm(dim=-1).mean()
    directions = answer_directions(vectors, torch.tensor([-1] * 3 + [0] * 9 + [1] * 6), 2)
    torch.testing.assert_close(found, table[5:7] + directions * size)


@pytest.mark.parametrize(
    "answers", [[(place,) for place in range(6)], [()] * 6], ids=["that never repeat", "without any token"]
)
def test_answers_without_information_give_no_vectors(answers):
    found = answer_vectors(torch.randn(6, 16), answers, most=4, embed=lambda ids: torch.randn(len(ids), 16))

    assert found.shape == (0, 16)


def test_a_left_out_prediction_is_that_of_a_regression_without_the_row():
    vectors, targets = pooled([6, 5, 3])
    targets_NL = torch.nn.functional.one_hot(targets).float()

    predicted = left_out_predictions(vectors, targets_NL)

    unit = torch.nn.functional.normalize(vectors, dim=-1)
    states, values = unit - unit.mean(dim=0), targets_NL - targets_NL.mean(dim=0)
    for place in range(len(vectors)):
        others = [row for row in range(len(vectors)) if row != place]
        kernel = states[others].T @ states[others] + PENALTY * torch.eye(states.shape[1])
        without = states[place] @ torch.linalg.solve(kernel, states[others].T @ values[others])
        torch.testing.assert_close(predicted[place], targets_NL.mean(dim=0) + without, rtol=1e-4, atol=1e-5)
