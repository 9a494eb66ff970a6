from __future__ import annotations

from random import Random

import pytest
import torch

from factories.tiny_training import write_corpus, write_minilm
from foreword_starter.model import WEIGHTS
from foreword_starter.training.corpus import read_corpus
from foreword_starter.training.forward import PromptedRow, answer_losses
from foreword_starter.training.prompt_pool import PoolSettings, PromptPool, divide
from foreword_starter.training.sentence_encoder import SentenceEncoder
from foreword_starter.training.sentence_space import build_space
from foreword_starter.training.soft_tasks import Example, SoftTasks
from foreword_starter.training.starter import Starter
from foreword_starter.training.steering import Steering, SteeringSettings


@pytest.fixture(scope="module")
def starter():
    return Starter(WEIGHTS, device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    teacher = SentenceEncoder(write_minilm(folder / "minilm"), device=torch.device("cpu"), dtype=torch.float32)
    corpus = read_corpus(write_corpus(folder / "corpus"))
    space = build_space(corpus, lambda: teacher, Random(0), per_source=40, num_feedback=30, file=folder / "space.pt")
    return SoftTasks(corpus, space)


def rows_of(starter, *, prompts):
    texts, answers = ("It broke.", "Where is my parcel, please? I wait."), ("Service", "Warehouse, Billing")
    return [
        PromptedRow(input_ids=ids, answer_ids=answer, prompt=prompt)
        for ids, answer, prompt in zip(
            starter.encode(texts, 64), starter.encode_answers(answers, 16), prompts, strict=True
        )
    ]


@torch.no_grad()
def test_rows_with_prompts_of_unequal_length_have_the_same_loss_in_a_batch_and_alone(starter):
    prompts_GPD = torch.randn(2, 5, starter.width)
    rows = rows_of(starter, prompts=[(0, 5), (1, 3)])

    together = answer_losses(starter, rows, prompts_GPD)

    alone = torch.cat([answer_losses(starter, [row], prompts_GPD) for row in rows])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_loss_is_the_model_s_own_with_the_prompt_in_front(starter):
    prompts_GPD = torch.randn(1, 4, starter.width)
    row = rows_of(starter, prompts=[(0, 4), None])[0]
    tokens_TD = starter.module.get_input_embeddings()(torch.tensor(row.input_ids))

    expected = starter.module(
        inputs_embeds=torch.cat([prompts_GPD[0], tokens_TD])[None],
        decoder_input_ids=torch.tensor([[1, *row.answer_ids[:-1]]]),
        labels=torch.tensor([row.answer_ids]),
    ).loss

    torch.testing.assert_close(answer_losses(starter, [row], prompts_GPD)[0], expected, rtol=1e-4, atol=1e-4)


def test_a_prompt_is_replaced_at_the_end_of_its_life(starter, tasks):
    pool = PromptPool(starter, tasks, PoolSettings(slots=2, lives=(3, 3), lengths=(4,)), Random(0))
    first = pool.life(0)

    ages = []
    for _ in range(first.length_of_life):
        ages.append(pool.life(0).updates)
        prompts_GPD = pool.prompts([0])
        (prompts_GPD**2).sum().backward()
        pool.update([0], prompts_GPD)

    assert ages == list(range(first.length_of_life))
    assert pool.life(0) is not first
    assert pool.life(0).updates == 0


def test_prompts_are_updated_as_by_adamw(starter, tasks):
    settings = PoolSettings(slots=1, lives=(40, 40), rates=(0.1, 0.1), lengths=(4,))
    pool = PromptPool(starter, tasks, settings, Random(3))
    reference = pool.prompts([0]).detach().clone().requires_grad_()
    optimizer = torch.optim.AdamW([reference], betas=(0.9, 0.98), weight_decay=0.0)
    life = pool.life(0)

    for update in range(4):
        prompts_GPD = pool.prompts([0])
        (prompts_GPD**2).sum().backward()
        pool.update([0], prompts_GPD)
        optimizer.param_groups[0]["lr"] = 0.1 * rate(update, life.length_of_life)
        optimizer.zero_grad()
        (reference**2).sum().backward()
        optimizer.step()

    torch.testing.assert_close(pool.prompts([0]).detach(), reference.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("support", "queries"), [(3, 0), (0, 3)])
def test_a_prompt_learns_only_from_support_rows_and_the_model_from_all(starter, tasks, support, queries):
    pool = PromptPool(starter, tasks, PoolSettings(slots=2, lengths=(4,)), Random(0))
    settings = SteeringSettings(
        groups=2,
        rows_per_group=support,
        queries_per_group=queries,
        instruction_share=0,
        distillation_share=0,
        matching_share=0,
    )
    steering = Steering(
        starter, pool, instructions=None, distillation=None, matching=None, settings=settings, generator=Random(0)
    )
    before = [pool.prompts([slot]).detach().clone() for slot in (0, 1)]
    starter.module.zero_grad()

    steering.forward(0.5).loss.backward()
    steering.after_update()

    moved = [not torch.equal(pool.prompts([slot]).detach(), before[slot]) for slot in (0, 1)]
    assert moved == [support > 0] * 2
    assert starter.module.model.shared.weight.grad.abs().max() > 0


def test_every_task_keeps_rows_that_its_prompt_never_learns_from(starter, tasks):
    pool = PromptPool(starter, tasks, PoolSettings(slots=8, lengths=(4,), support=(1000, 2000)), Random(0))

    for slot in range(8):
        life = pool.life(slot)
        assert 0 < life.num_support < len(life.inputs)


def test_a_query_shares_no_text_with_the_rows_that_its_prompt_learns_from():
    rows = [Example(text=" ".join(sources), answer="A", sources=sources) for sources in (
        ("one",), ("two",), ("three",), ("two", "four"), ("four",), ("five", "six"),
    )]  # fmt: skip

    support, queries = divide(rows, 3)

    assert [row.text for row in support] == ["one", "two", "three"]
    assert [row.text for row in queries] == ["four", "five six"]


def rate(update, length):
    warmup = max(1, length // 10)
    return (update + 1) / warmup if update < warmup else 1 - (update - warmup) / (length - warmup)


def test_tasks_are_drawn_afresh_and_answer_with_their_own_labels(tasks):
    generator = Random(0)

    drawn = [tasks.draw(generator) for _ in range(60)]

    assert {"directions", "departments", "sentiment", "rewriting"} <= {task.kind for task in drawn}
    for task in drawn:
        assert len(task.examples) > 1
        assert all(set(example.labels) <= set(task.labels) for example in task.examples)
        assert all(label in example.answer for example in task.examples for label in example.labels)


def test_the_same_seed_draws_the_same_tasks(tasks):
    assert [tasks.draw(Random(7)) for _ in range(3)] == [tasks.draw(Random(7)) for _ in range(3)]
