"""The speed of tuning in examples per second against PEFT, as ratios within one run.

    python tests/benchmarks/tuning.py [--shape starter|llama] [--rounds 5] [--dtype float32|bfloat16]

Every loop makes updates from the same rows: by default prompt tuning, with batches of `--batch-size` rows, AdamW.
The loops take turns, so that a busy machine slows all of them alike, and medians over the rounds are compared:

- `foreword`: this service's trainer step.
- `foreword, ia3`: the same step with factors instead of a prompt.
- `peft, dynamic padding`: PEFT and a plain torch loop, rows in random order, padded to the longest of a batch, loss
  from full logits as the model itself computes it.
- `peft, padded to the limit`: the same, padded to `--max-input` and `--max-output`, as in the loops of earlier tools.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import peft
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.interfaces import EncodedRow, LoadedModel, TuningMethod
from foreword.plugin.sites import find_sites
from foreword.tuning.batches import batch_order
from foreword.tuning.runs.optimisation import clip, make_optimizer
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_starter.model import StarterModel

IGNORED = -100
"""Label of a position that does not count towards the loss of transformers."""

Step = Callable[[Sequence[EncodedRow]], None]


def make_model(shape: str, dtype: str) -> LoadedModel:
    """Return the starter, or a six-layer Llama with random weights."""
    if shape == "starter":
        return StarterModel().load(device="cpu", dtype=dtype)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16_000, hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    module = LlamaForCausalLM(config).to(getattr(torch, dtype)).eval().requires_grad_(False)
    spec = BaseModelSpec(
        id="llama", display_name="", description="", architecture=Architecture.CAUSAL, context_tokens=512,
        hidden_size=384, parameter_count=0, licence="", recipes={}, revision="", sites=find_sites(module),
    )  # fmt: skip
    return LoadedModel(spec=spec, module=module, tokenizer=StarterModel().load_tokenizer())


def make_rows(count: int) -> list[EncodedRow]:
    """Make rows of the length of complaints: about 20 tokens, some up to 60, with answers of 2 to 6."""
    generator = random.Random(0)
    lengths = [min(60, max(6, round(generator.lognormvariate(2.9, 0.5)))) for _ in range(count)]
    return [
        EncodedRow(
            input_ids=(1, *(generator.randint(30, 5000) for _ in range(length)), 2),
            target_ids=(*(generator.randint(30, 5000) for _ in range(generator.randint(1, 5))), 2),
        )
        for length in lengths
    ]


def our_step(model: LoadedModel, method: TuningMethod, num_virtual_tokens: int) -> Step:
    """Make one update with the trainer's own parts."""
    values = TuneParameters(num_virtual_tokens=num_virtual_tokens, learning_rate=0.01)
    parameters, _ = resolve_parameters(values, TuneParameters(), method.unused_parameters)
    trainable = method.start(model, parameters, (), torch.Generator().manual_seed(0))
    tensors = [tensor for group in trainable.groups for tensor in group.parameters.values()]
    optimizer, loss = make_optimizer(trainable.groups, parameters), AnswerLoss(model)

    def step(rows: Sequence[EncodedRow]) -> None:
        nats_B = loss.nats(rows, [trainable.contribute()], [0] * len(rows))
        (nats_B.sum() / sum(len(row.target_ids) for row in rows)).backward()
        clip(tensors, parameters.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peft_step(model: LoadedModel, num_virtual_tokens: int, limits: tuple[int, int] | None) -> Step:
    """Make one update with PEFT and torch; `limits` pads inputs and answers to fixed lengths."""
    causal = model.spec.architecture is Architecture.CAUSAL
    config = peft.PromptTuningConfig(
        task_type="CAUSAL_LM" if causal else "SEQ_2_SEQ_LM",
        num_virtual_tokens=num_virtual_tokens,
        num_transformer_submodules=1,
    )
    wrapped = peft.get_peft_model(model.module, config)
    tuned = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(tuned, lr=0.01)

    def step(rows: Sequence[EncodedRow]) -> None:
        batch = causal_batch(rows, limits) if causal else seq2seq_batch(rows, limits)
        wrapped(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def seq2seq_batch(rows: Sequence[EncodedRow], limits: tuple[int, int] | None) -> dict[str, Any]:
    """Return padded inputs and labels."""
    num_input = limits[0] if limits else max(len(row.input_ids) for row in rows)
    num_target = limits[1] if limits else max(len(row.target_ids) for row in rows)
    return {
        "input_ids": torch.tensor([[*row.input_ids, *[0] * (num_input - len(row.input_ids))] for row in rows]),
        "attention_mask": torch.tensor(
            [[1] * len(row.input_ids) + [0] * (num_input - len(row.input_ids)) for row in rows]
        ),
        "labels": torch.tensor(
            [[*row.target_ids, *[IGNORED] * (num_target - len(row.target_ids))] for row in rows]
        ),
    }  # fmt: skip


def causal_batch(rows: Sequence[EncodedRow], limits: tuple[int, int] | None) -> dict[str, Any]:
    """Return padded inputs with their answers; the loss is on the answers."""
    length = sum(limits) if limits else max(row.length for row in rows)
    whole = [[*row.input_ids, *row.target_ids] for row in rows]
    return {
        "input_ids": torch.tensor([[*ids, *[0] * (length - len(ids))] for ids in whole]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in whole]),
        "labels": torch.tensor(
            [
                [IGNORED] * len(row.input_ids) + [*row.target_ids] + [IGNORED] * (length - row.length)
                for row in rows
            ]
        ),
    }  # fmt: skip


def measure(step: Step, rows: Sequence[EncodedRow], batches: Sequence[Sequence[int]]) -> float:
    """Return the examples per second."""
    started = time.perf_counter()
    for batch in batches:
        step([rows[place] for place in batch])
    return sum(map(len, batches)) / (time.perf_counter() - started)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("starter", "llama"), default="starter")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--virtual-tokens", type=int, default=50)
    parser.add_argument("--max-input", type=int, default=256)
    parser.add_argument("--max-output", type=int, default=128)
    parser.add_argument("--no-padded", action="store_true", help="leave out the loop that is padded to the limit")
    arguments = parser.parse_args()
    rows = make_rows(arguments.rows)
    shuffled = random.Random(1).sample(range(len(rows)), len(rows))
    size = arguments.batch_size
    plain = [shuffled[first : first + size] for first in range(0, len(rows), size)]
    bucketed = batch_order(rows, batch_size=size, seed=0, epoch=0)
    limits = (arguments.max_input, arguments.max_output)
    count = arguments.virtual_tokens
    # Each loop has its own model, because PEFT wraps the model.
    loops: dict[str, tuple[Step, Sequence[Sequence[int]]]] = {
        "foreword": (our_step(make_model(arguments.shape, arguments.dtype), PromptTuning(), count), bucketed),
        "foreword, ia3": (our_step(make_model(arguments.shape, arguments.dtype), IA3(), count), bucketed),
        "peft, dynamic padding": (peft_step(make_model(arguments.shape, arguments.dtype), count, None), plain),
    }
    if not arguments.no_padded:
        step = peft_step(make_model(arguments.shape, arguments.dtype), count, limits)
        loops["peft, padded to the limit"] = (step, plain[:1])
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(arguments.rounds + 1):
        for name, (step, batches) in loops.items():
            speed = measure(step, rows, batches)
            if number:  # the first round warms up
                speeds[name].append(speed)
    ours = statistics.median(speeds["foreword"])
    print(f"{arguments.shape}, {arguments.dtype}, batch {size}, P {count}, {torch.get_num_threads()} threads")
    for name, values in speeds.items():
        median = statistics.median(values)
        print(f"    {name:28} {median:7.1f} examples/s   foreword is {ours / median:.2f}x")


if __name__ == "__main__":
    main()
