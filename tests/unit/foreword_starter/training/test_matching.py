from __future__ import annotations

from random import Random

import pytest
import torch

from factories.tiny_training import TEXTS
from foreword_starter.model import WEIGHTS
from foreword_starter.training.forward import PromptedRow
from foreword_starter.training.matching import MatchingStage
from foreword_starter.training.matching_prompts import MatchingPrompts
from foreword_starter.training.prompt_pool import regression_vectors
from foreword_starter.training.readouts import Legibility, Matcher
from foreword_starter.training.starter import Starter


@pytest.fixture(scope="module")
def starter():
    return Starter(WEIGHTS, device=torch.device("cpu"), dtype=torch.float32)


def row(*, length):
    return PromptedRow(input_ids=[1, 2], answer_ids=[2], prompt=(0, length))


def test_a_matcher_finds_the_direction_in_which_states_differ():
    generator = torch.Generator().manual_seed(0)
    matcher, planted = Matcher(8, torch.device("cpu")), torch.zeros(8)
    planted[3] = 2.0

    for _ in range(300):
        states, matches = torch.randn(6, 4, 8, generator=generator), torch.randint(4, (6,), generator=generator)
        states[range(6), matches] += planted
        found = matcher.log_probabilities(states, [row(length=4)] * 6)
        torch.nn.functional.nll_loss(found, matches).backward()
        matcher.update()

    states = torch.zeros(1, 4, 8)
    states[0, 2] = planted
    assert matcher.log_probabilities(states, [row(length=4)]).argmax() == 2


def test_vectors_beyond_the_prompt_s_own_length_never_match():
    matcher = Matcher(8, torch.device("cpu"))

    found = matcher.log_probabilities(torch.randn(2, 6, 8), [row(length=6), row(length=2)]).exp()

    torch.testing.assert_close(found[1], torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0, 0.0]))


@torch.no_grad()
def test_a_regression_does_not_depend_on_how_rows_are_batched(starter):
    inputs = starter.encode(TEXTS, 64)
    answers = starter.encode_answers([("Service", "Warehouse")[place % 2] for place in range(len(TEXTS))], 8)
    longest_first = sorted(range(len(TEXTS)), key=lambda place: -len(inputs[place]))

    found, again = (
        regression_vectors(starter, [inputs[place] for place in order], [answers[place] for place in order], 4)
        for order in (range(len(TEXTS)), longest_first)
    )

    assert len(found) == 2
    torch.testing.assert_close(found.sort(dim=0).values, again.sort(dim=0).values, atol=1e-3, rtol=1e-3)


def stage(starter, *, reads):
    vectors = torch.randn(len(TEXTS), starter.width, generator=torch.Generator().manual_seed(0))
    return MatchingStage(starter, {"shop": list(TEXTS)}, {"shop": vectors}, reads=reads, seed=0)


def gradients(starter, *, reads):
    starter.module.zero_grad(set_to_none=True)
    stage(starter, reads=reads).forward(0.0).loss.backward()
    model = starter.module.model
    return [
        None if part.grad is None else part.grad.clone()
        for part in (model.encoder.layers[0].fc1.weight, model.decoder.layers[0].fc1.weight)
    ]


def test_the_decoder_learns_to_read_without_changing_the_encoder_s_gradients(starter):
    encoder, decoder = gradients(starter, reads=False)
    encoder_of_reader, decoder_of_reader = gradients(starter, reads=True)

    assert decoder is None
    assert decoder_of_reader.abs().sum() > 0
    torch.testing.assert_close(encoder_of_reader, encoder, atol=1e-4, rtol=1e-3)


@pytest.fixture
def prompts(starter):
    vectors = torch.randn(len(TEXTS), starter.width, generator=torch.Generator().manual_seed(0))
    return MatchingPrompts(starter, {"shop": list(TEXTS)}, {"shop": vectors}, rows=5, generator=Random(0))


def test_an_answer_of_two_labels_is_named_after_both(prompts, starter):
    comma = starter.tokenizer.encode("a, b", add_special_tokens=False).ids[1]
    drawn = [prompts.draw("shop") for _ in range(10)]

    assert any(comma in name for prompt in drawn for name in prompt.names)
    for prompt in drawn:
        assert len(prompt.names) == len(prompt.vectors_UD) == prompt.fits_RU.shape[1]
        torch.testing.assert_close(prompt.fits_RU.sum(dim=1), torch.ones(5))


def test_frequent_answers_have_longer_directions(prompts):
    lengths = torch.stack([prompts._regressed("shop")[1].norm(dim=-1)[[0, -1]] for _ in range(10)]).mean(dim=0)

    assert lengths[0] > lengths[1]


def test_rotated_tokens_become_legible(starter):
    turn, _ = torch.linalg.qr(torch.randn(starter.width, starter.width, generator=torch.Generator().manual_seed(0)))
    tokens = torch.arange(100, 140)
    memory = (starter.embeddings_VD[tokens].detach() @ turn)[None] * 2
    found, legibility = [(0, place, token) for place, token in enumerate(tokens.tolist())], Legibility(starter)
    before = legibility.loss(memory, found).item()

    for _ in range(100):
        legibility.loss(memory, found).backward()
        legibility.update()

    assert legibility.loss(memory, found).item() < 0.6 * before
