"""The speed of `Classify`, against a plain `transformers` encoder pass of the same texts, and of tenants in company.

    python tests/benchmarks/classify.py [--dtype bfloat16] [--repeats 3] [--requests 60] [--epochs 1] [--out FILE.json]

A real service tunes a model on the sample complaints and answers over gRPC. Requests take turns with passes of the
plain encoder, without virtual tokens and in the same dtype, one by one, so that a machine that slows down slows both.
Many tenants are measured on the engine's runner alone: the same texts with one prompt, with 64 and with 1,000. All
ratios are medians of the repeats. The result is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

# Threads that spin at barriers starve whatever else runs on the machine; libgomp reads this when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from foreword.cli.demo.service import LocalService
from foreword.client import AsyncClient, Client, TuneParameters
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Embeds
from foreword.plugin.interfaces import LabelSpace
from foreword.samples import load_rows, sample_path
from foreword_starter.model import StarterModel

_NAME = "benchmark"
_AT_ONCE = 16
_WARM_UP = 10
_ROWS = 128
"""Rows that compare 64 tenants with one; 1,000 prompts take a row each."""


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--requests", type=int, default=60, help="requests of one repeat")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file to write the JSON to as well")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as home:
        settings = {"FOREWORD_DTYPE": arguments.dtype}
        with LocalService(Path(home), environment=settings) as service, service.client() as client:
            labels = _deploy(client, arguments.epochs)
            figures = _over_grpc(client, service.endpoint, arguments)
    figures |= _tenants(labels, arguments)
    result = json.dumps(
        {"dtype": arguments.dtype, "threads": torch.get_num_threads(), "repeats": arguments.repeats} | figures, indent=2
    )
    print(result)
    if arguments.out:
        arguments.out.write_text(result + "\n")


def _deploy(client: Client, epochs: int) -> LabelSpace:
    """Tune and deploy a model; return the answers that it chooses from."""
    dataset = client.upload_dataset(sample_path("complaints"), display_name=_NAME)
    parameters = TuneParameters(num_epochs=epochs, refit=False)
    run = client.wait_for_experiment(client.create_tune_experiment(dataset, display_name=_NAME, parameters=parameters))
    client.create_deployment(run.tuned_model, serving_name=_NAME)
    outputs = [row["output"] for row in load_rows("complaints")]
    sets = {tuple(output if isinstance(output, list) else [output]) for output in outputs}
    names = tuple(sorted(set(itertools.chain.from_iterable(sets))))
    return LabelSpace(labels=names, separator=", ", multi_label=True, label_sets=tuple(sorted(sets)))


def _texts() -> list[str]:
    return [str(row["input"]) for row in load_rows("complaints_unseen")]


def _over_grpc(client: Client, endpoint: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Measure one request at a time against a plain encoder pass, and several requests at once."""
    texts = _texts()
    model = StarterModel().load(device="cpu", dtype=arguments.dtype)
    encoder = model.module.get_encoder()
    ids = [torch.tensor([model.tokenizer(text)["input_ids"]]) for text in texts]

    @torch.inference_mode()
    def encode(place: int) -> object:
        return encoder(input_ids=ids[place])

    def classify(place: int) -> object:
        return client.classify(_NAME, texts[place])

    places = [number % len(texts) for number in range(arguments.requests)]
    for place in places[:_WARM_UP]:
        encode(place)
        classify(place)
    repeats = []
    for _ in range(arguments.repeats):
        pairs = [(_seconds(encode, place), _seconds(classify, place)) for place in places]
        repeats.append((median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)))
    at_once = asyncio.run(_at_once(endpoint, texts, arguments))
    return {
        "plain_encoder_pass_ms": 1e3 * median(encoder for encoder, _ in repeats),
        "classify_over_grpc_ms": 1e3 * median(classify for _, classify in repeats),
        "classify_against_encoder_pass": median(classify / encoder for encoder, classify in repeats),
        "classify_16_at_once_ms_each": 1e3 * median(at_once),
    }


async def _at_once(endpoint: str, texts: Sequence[str], arguments: argparse.Namespace) -> list[float]:
    """Return the seconds per request of several requests at once, for each repeat."""
    seconds = []
    async with AsyncClient(endpoint, "dev") as client:
        for repeat in range(arguments.repeats + 1):
            rounds = []
            for start in range(0, max(_AT_ONCE, arguments.requests), _AT_ONCE):
                chosen = [texts[(start + number) % len(texts)] for number in range(_AT_ONCE)]
                begin = time.perf_counter()
                await asyncio.gather(*(client.classify(_NAME, text) for text in chosen))
                rounds.append((time.perf_counter() - begin) / _AT_ONCE)
            if repeat:  # the first one warms up
                seconds.append(median(rounds))
    return seconds


def _tenants(labels: LabelSpace, arguments: argparse.Namespace) -> dict[str, object]:
    """Measure the same texts with prompts of one tenant and of many."""
    runner = ModelRunner(StarterModel().load(device="cpu", dtype=arguments.dtype), pack=True)
    embed = runner.model.module.get_input_embeddings()
    prompts = [
        runner.load_adapter([Embeds(vectors_PD=embed(torch.randint(30, 16_000, (20,))).float())]) for _ in range(1_000)
    ]
    texts = _texts()

    def score(adapters: Sequence[LoadedAdapter | None], count: int) -> Callable[[int], object]:
        chosen = itertools.islice(zip(itertools.cycle(texts), itertools.cycle(adapters), strict=False), count)
        rows = [TextRow(text=text, adapter=adapter) for text, adapter in chosen]
        return lambda _: runner.score_label_sets(rows, labels)

    one, many = score(prompts[:1], _ROWS), score(prompts[:64], _ROWS)
    few, thousand = score(prompts[:64], len(prompts)), score(prompts, len(prompts))
    one(0)
    shares = [(_seconds(one, 0) / _seconds(many, 0), _seconds(few, 0) / _seconds(thousand, 0))
              for _ in range(arguments.repeats)]  # fmt: skip
    return {
        "speed_of_64_tenants_against_one": median(share for share, _ in shares),
        "speed_of_1000_prompts_against_64": median(share for _, share in shares),
    }


def _seconds(work: Callable[[int], object], place: int) -> float:
    begin = time.perf_counter()
    work(place)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
