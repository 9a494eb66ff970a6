"""The probe of a checkpoint's promptability: a short tuning run of soft prompts, on frozen weights and held-out tasks.

It is a proxy that takes a minute; tests/benchmarks/starter measures whole tuning runs.

Shapes: B rows, G prompts, P virtual tokens, C candidates, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from foreword_starter.training.corpus import HELD_OUT_INTENTS, read_held_out_intents, readable
from foreword_starter.training.forward import PromptedRow, answer_losses
from foreword_starter.training.prompt_pool import initial_vectors
from foreword_starter.training.soft_tasks import Example, SoftTask
from foreword_starter.training.starter import Starter


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """Settings of the probe; the run is as short as possible while it still ranks checkpoints."""

    updates: int = 120
    rows: int = 100
    test_rows: int = 80
    batch_size: int = 8
    num_virtual: int = 16
    rate: float = 0.1


def held_out_tasks(corpus_folder: Path) -> list[SoftTask]:
    """Return a task for each group of held-out intents."""
    tasks = []
    for source in sorted(HELD_OUT_INTENTS):
        rows = read_held_out_intents(corpus_folder, source)
        examples = [
            Example(
                text=row.text,
                answer=readable(row.labels[0]).title(),
                sources=(row.text,),
                labels=(readable(row.labels[0]).title(),),
            )
            for row in rows
        ]
        Random(0).shuffle(examples)  # noqa: S311 - no secret
        labels = tuple(sorted({row.answer for row in examples}))
        tasks.append(SoftTask(kind=source, labels=labels, examples=tuple(examples)))
    return tasks


def promptability(starter: Starter, tasks: Sequence[SoftTask], settings: ProbeSettings) -> dict[str, float]:
    """Return the accuracy of a soft prompt on each task, by its kind, and their `mean`."""
    frozen = [parameter for parameter in starter.module.parameters() if parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        prompts_GPD = _tune(starter, tasks, settings)
        found = {
            task.kind: _accuracy(starter, task, prompts_GPD[place : place + 1], settings)
            for place, task in enumerate(tasks)
        }
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    return found | {"mean": sum(found.values()) / len(found)}


def _tune(starter: Starter, tasks: Sequence[SoftTask], settings: ProbeSettings) -> Tensor:
    """Tune all prompts in one batch; this is safe because each has its own rows and AdamW is element-wise.

    Shape:
        Returns `[G, P, D]`.
    """
    generator = Random(0)  # noqa: S311 - no secret
    starts = [initial_vectors(starter, task, "vocabulary", settings.num_virtual, generator) for task in tasks]
    prompts_GPD = torch.stack(starts).requires_grad_()
    optimizer = torch.optim.AdamW([prompts_GPD], lr=settings.rate, betas=(0.9, 0.98), weight_decay=0.0)
    rows = [_encode(starter, task.examples[: settings.rows], place, settings) for place, task in enumerate(tasks)]
    for update in range(settings.updates):
        optimizer.param_groups[0]["lr"] = settings.rate * min(1.0, 10 * (1 - update / settings.updates) / 9)
        batch = [row for mine in rows for row in generator.sample(mine, settings.batch_size)]
        answer_losses(starter, batch, prompts_GPD).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    return prompts_GPD.detach()


@torch.no_grad()
def _accuracy(starter: Starter, task: SoftTask, prompt_1PD: Tensor, settings: ProbeSettings) -> float:
    """Return the share of test rows whose answer is the most likely of the task's labels."""
    tests = task.examples[settings.rows : settings.rows + settings.test_rows]
    rows = _encode(starter, tests, 0, settings)
    candidates = starter.encode_answers(task.labels, 48)
    right = 0
    for row, example in zip(rows, tests, strict=True):
        asked = [PromptedRow(input_ids=row.input_ids, answer_ids=ids, prompt=row.prompt) for ids in candidates]
        losses_C = answer_losses(starter, asked, prompt_1PD)
        lengths_C = torch.tensor([len(ids) for ids in candidates], device=losses_C.device)
        right += task.labels[int((losses_C * lengths_C).argmin())] == example.answer
    return right / len(tests)


def _encode(starter: Starter, examples: Sequence[Example], prompt: int, settings: ProbeSettings) -> list[PromptedRow]:
    inputs = starter.encode([row.text for row in examples], 128)
    answers = starter.encode_answers([row.answer for row in examples], 48)
    return [
        PromptedRow(input_ids=ids, answer_ids=answer, prompt=(prompt, settings.num_virtual))
        for ids, answer in zip(inputs, answers, strict=True)
    ]
