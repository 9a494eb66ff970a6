"""The speed of serving many tenants' adapters from one base model, against PEFT and plain `generate` in the same run.

    python tests/benchmarks/serving.py [--tenants 8] [--rows 32] [--new-tokens 32] [--repeats 5] [--dtype float32]

Every system answers the same rows (several tenants' prompts, their factors as in IA3, or a third each of prompts,
factors and neither; texts of different lengths) with the same number of tokens each. They take turns within each
repeat, so that a machine that slows down slows all of them; ratios are medians over the repeats. PEFT cannot mix
prompts, so it processes one tenant after the other, in batches of one tenant's rows. Plain `generate` has no prompt at
all: it shows the cost of a batch that the base model serves.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

# Threads that spin at barriers starve whatever else runs on the machine; libgomp reads this when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from peft import PromptTuningConfig, get_peft_model
from transformers.utils import logging as transformers_logging

from foreword.domain.inference import GenerateParameters
from foreword.domain.site import SiteKind
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Affine, Embeds
from foreword.plugin.interfaces import LabelSpace
from foreword_starter.model import StarterModel

SENTENCES = (
    "Where are the 2 extra sets of sheets that are supposed to come with my order?",
    "Long wait times.",
    "I could not get someone on the phone who could fix my problems! Your so-called experts are just not helpful.",
    "The box was torn open when it arrived and two of the parts that the manual lists were nowhere to be found.",
)
LABELS = ("Planning", "Development", "Service", "Warehouse", "L3", "Packaging", "Marketing")
PAIRS = [(first, second) for place, first in enumerate(LABELS) for second in LABELS[place + 1 :]][:18]
DEPARTMENTS = LabelSpace(labels=LABELS, separator=", ", multi_label=True, label_sets=tuple(PAIRS))


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=8)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--virtual-tokens", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()

    model = StarterModel().load(device="cpu", dtype=arguments.dtype)
    runner = ModelRunner(model)
    generator = torch.Generator().manual_seed(0)
    vectors = [
        model.module.get_input_embeddings()(
            torch.randint(30, 16_000, (arguments.virtual_tokens,), generator=generator)
        ).float()
        for _ in range(arguments.tenants)
    ]
    prompts = [runner.load_adapter([Embeds(vectors_PD=item)]) for item in vectors]
    count = arguments.new_tokens
    parameters = GenerateParameters(min_new_tokens=count, max_new_tokens=count)
    texts = [SENTENCES[number % len(SENTENCES)] for number in range(arguments.rows)]
    mixed = [
        TextRow(text=text, adapter=prompts[number % len(prompts)], parameters=parameters)
        for number, text in enumerate(texts)
    ]
    one_tenant = [TextRow(text=text, adapter=prompts[0], parameters=parameters) for text in texts]
    no_prompt = [TextRow(text=text, parameters=parameters) for text in texts]
    factors = [_factors(runner, generator) for _ in range(arguments.tenants)]
    scaled = [replace(row, adapter=factors[number % len(factors)]) for number, row in enumerate(no_prompt)]
    all_kinds = [(mixed, scaled, no_prompt)[number % 3][number] for number in range(len(texts))]

    adapted = get_peft_model(StarterModel().load(device="cpu", dtype=arguments.dtype).module, _config(arguments))
    for number, item in enumerate(vectors):
        if number:
            adapted.add_adapter(str(number), _config(arguments))
        name = str(number) if number else "default"
        adapted.prompt_encoder[name].embedding.weight.data.copy_(item)
    adapted.eval()

    systems: dict[str, Callable[[], object]] = {
        "Foreword, mixed tenants": lambda: runner.generate(mixed, max_rows=arguments.rows),
        "Foreword, one tenant": lambda: runner.generate(one_tenant, max_rows=arguments.rows),
        "Foreword, mixed factors": lambda: runner.generate(scaled, max_rows=arguments.rows),
        "Foreword, all kinds": lambda: runner.generate(all_kinds, max_rows=arguments.rows),
        "Foreword, no prompt": lambda: runner.generate(no_prompt, max_rows=arguments.rows),
        "PEFT, tenant by tenant": lambda: [
            _peft_tenant(adapted, runner, tenant, texts[tenant :: len(vectors)], count)
            for tenant in range(len(vectors))
            if texts[tenant :: len(vectors)]
        ],
        "PEFT, row by row": lambda: [
            _peft_tenant(adapted, runner, number % len(vectors), [text], count) for number, text in enumerate(texts)
        ],
        "plain generate, no prompt": lambda: _generate(model.module, runner, texts, count),
    }
    seconds = _measure(systems, arguments.repeats)
    total = arguments.rows * count
    base = seconds["Foreword, mixed tenants"]
    print(f"{arguments.rows} rows of {arguments.tenants} tenants, {count} tokens each, {arguments.dtype}, "
          f"{torch.get_num_threads()} threads, medians of {arguments.repeats}")  # fmt: skip
    print(f"{'system':<28}{'tokens/s':>10}{'ratio':>8}")
    for name, measured in seconds.items():
        ratio = statistics.median(mine / other for other, mine in zip(measured, base, strict=True))
        print(f"{name:<28}{total / statistics.median(measured):>10.0f}{ratio:>8.2f}")

    one, batch = mixed[0], mixed[:16]
    classify = _measure(
        {
            "one": lambda: runner.score_label_sets([one], DEPARTMENTS),
            "sixteen": lambda: runner.score_label_sets(batch, DEPARTMENTS),
        },
        max(arguments.repeats, 15),
    )
    print(f"Classify over {len(runner.candidates(DEPARTMENTS).sets)} label sets: "
          f"{statistics.median(classify['one']) * 1e3:.1f} ms alone, "
          f"{statistics.median(classify['sixteen']) / 16 * 1e3:.1f} ms each in a mixed batch of 16")  # fmt: skip


def _measure(systems: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each system in each repeat, after one turn to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for repeat in range(repeats + 1):
        for name, run in systems.items():
            begin = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def _factors(runner: ModelRunner, generator: torch.Generator) -> LoadedAdapter | None:
    """Return factors near one, as IA3 trains them."""
    sites = [site for site in runner.model.spec.sites if site.kind is not SiteKind.QUERY]
    scales = {site.name: 1 + 0.1 * torch.randn(site.width, generator=generator) for site in sites}
    return runner.load_adapter([Affine(scales_W=scales)])


def _config(arguments: argparse.Namespace) -> PromptTuningConfig:
    return PromptTuningConfig(
        task_type="SEQ_2_SEQ_LM",
        num_virtual_tokens=arguments.virtual_tokens,
        num_transformer_submodules=1,
        token_dim=384,
        num_layers=6,
        num_attention_heads=12,
    )


def _padded(runner: ModelRunner, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, padded on the right."""
    ids = [runner.tokenize(text) for text in texts]
    longest = max(map(len, ids))
    mask = torch.tensor([[1] * len(item) + [0] * (longest - len(item)) for item in ids])
    return torch.tensor([item + [0] * (longest - len(item)) for item in ids]), mask


@torch.inference_mode()
def _peft_tenant(adapted: torch.nn.Module, runner: ModelRunner, tenant: int, texts: list[str], count: int) -> object:
    adapted.set_adapter(str(tenant) if tenant else "default")
    return _generate(adapted, runner, texts, count)


@torch.inference_mode()
def _generate(module: torch.nn.Module, runner: ModelRunner, texts: list[str], count: int) -> object:
    ids, mask = _padded(runner, texts)
    answers = module.generate(
        input_ids=ids, attention_mask=mask, min_new_tokens=count, max_new_tokens=count, do_sample=False
    )
    return runner.model.tokenizer.batch_decode(answers, skip_special_tokens=True)


if __name__ == "__main__":
    main()
