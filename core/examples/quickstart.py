"""The whole job from Python: upload, tune, watch, look at the result, deploy and ask.

    foreword serve --dev                       # in another terminal
    foreword data sample > complaints.jsonl
    python core/examples/quickstart.py complaints.jsonl

The client needs neither torch nor the server's packages. `FOREWORD_ENDPOINT` and `FOREWORD_API_KEY` name another
service and key. Drawing the learning curve needs matplotlib (the extra `plot`).
"""

from __future__ import annotations

import os
import sys

import foreword
from foreword.client import JobState, TuneExperiment


def main(path: str) -> None:
    """Tune on the rows of a file, and ask the tuned model one question."""
    with foreword.Client(api_key=os.environ.get("FOREWORD_API_KEY", "dev")) as client:
        # Four epochs without a refit show how it works. Leave both out to get the recipe's values.
        run = client.tune(path, display_name="Quickstart", num_epochs=4, refit=False)
        for finding in client.get_dataset(run.dataset).report.findings:
            print(f"{finding.severity.value}: {finding.message} {finding.remedy}")
        print(f"{run.plan.planned_updates} updates, about {run.plan.estimated_seconds:.0f} s")

        run = client.wait_for_experiment(run, on_change=print_progress)
        if run.state is not JobState.SUCCEEDED:
            sys.exit(f"The run ended as {run.state.value}: {run.failure}")
        client.plot_learning_curve(run, "curve.png")
        print(run.curve_advice)
        for evaluation in run.evaluations:
            print(evaluation.system, dict(evaluation.metrics))

        deployment = client.create_deployment(run.tuned_model, serving_name="quickstart")
        client.wait_for_deployment(deployment)
        answer = client.classify("quickstart", "The brochure shows a lid, but the lid is not for sale.")
        print(answer.labels, answer.label_probabilities)


def print_progress(run: TuneExperiment) -> None:
    """Print the progress of a run."""
    loss = "" if run.progress.loss is None else f"  loss {run.progress.loss:.3f}"
    print(f"{run.progress.percent:3.0f} %{loss}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "complaints.jsonl")
