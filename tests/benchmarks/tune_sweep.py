"""The price of a sweep of eight trials: its time and cost against one run, and what it finds.

    python tests/benchmarks/tune_sweep.py [FILE] [--epochs 20] [--rates 0.003 0.01 0.03 0.1] [--seeds 2] [--whole]

A real service with one worker makes one run with the recipe, then the sweep over learning rates and seeds, on the same
held-out rows; both with the same number of epochs and without a refit. With --whole, the same sweep is made without
halving as well: does halving keep the trial that is the best in the end? FILE: rows of input and output; default: the
sample complaints.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from foreword.cli.demo.service import LocalService
from foreword.cli.threads import let_idle_threads_sleep
from foreword.client import Client, Dataset, TuneParameters, TuneSweep
from foreword.samples import sample_path


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def make_sweep(client: Client, dataset: Dataset, arguments: argparse.Namespace, *, halving: bool) -> TuneSweep:
    """Make a sweep and wait for its end."""
    made = client.create_tune_sweep(
        dataset,
        display_name="sweep",
        swept={"learning_rate": arguments.rates},
        num_seeds=arguments.seeds,
        halving=halving,
        evaluate_base=False,
        parameters=TuneParameters(num_epochs=arguments.epochs, refit=False),
    )
    return client.wait_for_sweep(made)


def show(sweep: TuneSweep) -> None:
    """Print the trials, the best first."""
    for trial in sorted(sweep.trials, key=lambda item: (-(item.validation_metric or 0.0), item.validation_loss or 0.0)):
        print(
            f"    rate {trial.values['learning_rate']:<6g} seed {trial.seed}   epochs {trial.epoch:4.1f}   "
            f"score {trial.validation_metric or 0.0:.3f}   loss {trial.validation_loss or 0.0:.3f}"
            f"{'   best' if trial.tune_experiment == sweep.best_trial else ''}"
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=sample_path("complaints"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.003, 0.01, 0.03, 0.1])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="also make the sweep without halving")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    let_idle_threads_sleep()
    with TemporaryDirectory() as home, LocalService(Path(home)) as service, service.client() as client:
        dataset = client.upload_dataset(arguments.file)

        def run(epochs: int) -> Any:
            parameters = TuneParameters(num_epochs=epochs, refit=False)
            made = client.create_tune_experiment(
                dataset, display_name="run", evaluate_base=False, parameters=parameters
            )
            return client.wait_for_experiment(made)

        run(1)  # loads the model
        run_seconds, alone = timed(lambda: run(arguments.epochs))
        scores = [item.validation_metric for item in alone.snapshots if item.validation_metric is not None]
        print(f"one run: {run_seconds:.1f} s, held-out score {max(scores):.3f}")
        figures: dict[str, Any] = {"run_seconds": run_seconds, "run_score": max(scores)}
        for name, halving in (("halving", True), ("whole", False)):
            if not halving and not arguments.whole:
                continue
            seconds, sweep = timed(lambda halving=halving: make_sweep(client, dataset, arguments, halving=halving))
            score = sweep.best.validation_metric if sweep.best else None
            cost = sweep.capacity_unit_hours / alone.capacity_unit_hours
            print(
                f"sweep of {len(sweep.trials)}, {name}: {seconds:.1f} s, {seconds / run_seconds:.2f}x the time and "
                f"{cost:.2f}x the cost of one run, held-out score {score:.3f}"
            )
            show(sweep)
            figures[name] = {"seconds": seconds, "ratio": seconds / run_seconds, "cost_ratio": cost, "score": score}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
