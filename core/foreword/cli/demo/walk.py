"""The walk-through of the demo, in which customers' complaints are routed to departments.

All results that it prints come from the running service, over gRPC, through the public client.
"""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from foreword.cli.render import TuneProgressView, print_evaluations, print_facts, print_findings, print_plan
from foreword.cli.render.parts import print_part
from foreword.client import (
    ClassifyResult,
    Client,
    GenerateResult,
    JobState,
    PromptExample,
    StructuredPrompt,
    TuneExperiment,
    TuneParameters,
)
from foreword.errors import FailedPreconditionError
from foreword.samples import DEPARTMENTS, load_rows, sample_path

INSTRUCTION = (
    "Classify the following complaint and determine which departments to route the complaint: "
    f"{', '.join(DEPARTMENTS[:-1])}, and {DEPARTMENTS[-1]}."
)
QUESTIONS = (
    ("Where are the 2 extra sets of sheets that are supposed to come with my order?!", "Warehouse, Packaging"),
    ("I see a 2-door model in your TV ad, but why is that not available?", "Planning, Marketing"),
    (
        'I could not get someone on the phone who could fix my problems! Your so-called "SMEs" are just not helpful.',
        "Service, L3",
    ),
)
_MORE_QUESTIONS = 7
_SERVING_NAME = "complaints"
_BASE_MODEL = "baseModels/foreword--starter"


class Walk:
    """The walk-through.

    Args:
        client: Client of a running service.
        console: Console for the output.
        output: Folder for images and files.
        epochs: Number of epochs; None for the recipe's.
        two_versions: Whether to tune on the badly distributed file as well, and to compare the answers.
    """

    def __init__(
        self, client: Client, console: Console, output: Path, epochs: int | None, *, two_versions: bool = False
    ) -> None:
        self._client = client
        self._console = console
        self._output = output
        self._epochs = epochs
        self._two_versions = two_versions
        self._chapter = 0

    def run(self) -> None:
        """Run all chapters.

        Raises:
            ForewordError: The service refused a request; the demo ends there.
        """
        self._check_data()
        zero_shot = self._ask_the_base_model()
        experiment, second = self._tune()
        self._show_results(experiment)
        self._deploy(experiment)
        self._ask_the_tuned_model(zero_shot)
        if second is not None:
            self._compare_versions(experiment, second)
        self._print_next_steps(experiment)

    def _begin(self, title: str) -> None:
        self._chapter += 1
        self._console.print()
        self._console.print(Rule(f"{self._chapter}. {title}", align="left", style="cyan"))

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _check_data(self) -> None:
        self._begin("Check the data before tuning")
        report = self._client.check_dataset(sample_path("complaints"))
        first, second = load_rows("complaints")[:2]
        self._say(f"Foreword ships with {report.row_count} complaints, each with its departments, for example:")
        for row in (first, second):
            self._say(f"  {row['input']}  ->  {row['output']}")
        labels = next((part for part in report.parts if part.id == "label_counts"), None)
        if labels is not None:
            self._console.print()
            print_part(self._console, labels)
        warnings = report.warnings
        self._say(f"Warnings about this file: {len(warnings)}.")
        print_findings(self._console, warnings)
        self._say("\nA second file also has valid rows, but they are badly distributed, which the report shows:")
        print_findings(self._console, self._client.check_dataset(sample_path("complaints_v2")).warnings)
        if not self._two_versions:
            self._say("`foreword demo --two-versions` tunes on both files and shows where the answers differ.")

    def _ask_the_base_model(self) -> list[GenerateResult]:
        self._begin("Ask the base model before tuning")
        self._say("It gets the instruction alone, then with three examples. Input and answer tokens of each request:\n")
        shots = tuple(PromptExample(input=row["input"], output=row["output"]) for row in load_rows("complaints")[:3])
        table = Table(box=None, pad_edge=False)
        for column in ("complaint", "zero-shot", "tokens", "three-shot", "tokens"):
            table.add_column(column, justify="right" if column == "tokens" else "left", overflow="fold")
        answers = []
        for question, _ in QUESTIONS:
            asked = [
                self._client.generate(
                    _BASE_MODEL,
                    StructuredPrompt(instruction=INSTRUCTION, examples=examples, input=question),
                    max_new_tokens=20,
                )
                for examples in ((), shots)
            ]
            answers.append(asked[0])
            cells = [cell for answer in asked for cell in (answer.text, _tokens(answer))]
            table.add_row(*map(Text, (question, *cells)))
        self._console.print(table)
        return answers

    def _tune(self) -> tuple[TuneExperiment, TuneExperiment | None]:
        """Tune and return the experiment, and that of the second file if both are compared."""
        self._begin("Tune a soft prompt; the base model stays frozen")
        first = self._create("Complaints", "complaints", evaluate_base=True)
        second = self._create("Complaints v2", "complaints_v2", evaluate_base=False) if self._two_versions else None
        print_plan(self._console, first.plan)
        if second is not None:
            self._say("The worker tunes a second prompt, on the second file, together with this one.\n")
        with TuneProgressView(self._console) as view:
            for current in self._client.watch_tune_experiment(first):
                view.update(current)
        return self._ended(first), None if second is None else self._ended(second)

    def _create(self, display_name: str, sample: str, *, evaluate_base: bool) -> TuneExperiment:
        return self._client.create_tune_experiment(
            self._client.upload_dataset(sample_path(sample), display_name=sample),
            display_name=display_name,
            instruction=INSTRUCTION,
            evaluate_base=evaluate_base,
            # No refit on all rows, which would be slightly better: this way, the held-out results are those of the
            # deployed prompt, and the demo takes less than half the time.
            parameters=TuneParameters(num_epochs=self._epochs, refit=False),
        )

    def _ended(self, experiment: TuneExperiment) -> TuneExperiment:
        """Wait until an experiment has ended, and return it.

        Raises:
            FailedPreconditionError: It did not succeed.
        """
        for _ in self._client.watch_tune_experiment(experiment):
            pass  # it ends with the run
        ended = self._client.get_tune_experiment(experiment)
        if ended.state is not JobState.SUCCEEDED:
            reason = ended.failure.message if ended.failure else ended.state.value
            raise FailedPreconditionError(f"The tuning run did not succeed: {reason}")
        return ended

    def _show_results(self, experiment: TuneExperiment) -> None:
        self._begin("Evaluate the tuned model")
        picture = self._output / "learning-curve.png"
        self._client.plot_learning_curve(experiment, picture)
        assert experiment.start_time is not None
        assert experiment.end_time is not None
        took = (experiment.end_time - experiment.start_time).total_seconds()
        model = self._client.get_tuned_model(experiment.tuned_model)
        self._client.export_tuned_model(model, self._output / "adapter")
        print_facts(
            self._console,
            [
                ("run", f"{experiment.display_name}, {took:.0f} s, {experiment.plan.planned_updates} updates"),
                ("learning curve", str(picture)),
                ("advice", experiment.curve_advice),
                ("tuned model", f"{model.num_virtual_tokens} vectors, {model.byte_size:,} bytes"),
                ("PEFT adapter", str(self._output / "adapter")),
            ],
        )
        self._say("\nThe tuned model and the base model on held-out rows:\n")
        print_evaluations(self._console, experiment.evaluations)

    def _deploy(self, experiment: TuneExperiment) -> None:
        self._begin("Deploy it under a serving name")
        deployment = self._client.create_deployment(
            experiment.tuned_model, serving_name=_SERVING_NAME, description="Routes complaints."
        )
        effect = deployment.revisions[0].probe_effect
        self._say(
            f"{deployment.serving_name}: {deployment.state.value}. The probe found that the prompt has an effect: it "
            f"changes a token's log-probability by up to {effect:.1f} nats."
        )

    def _ask_the_tuned_model(self, before: list[GenerateResult]) -> None:
        self._begin("Ask the tuned model, without instruction and examples")
        table = Table(box=None, pad_edge=False)
        for column in ("complaint", "base", "tuned", "probability", "tokens", "expected"):
            table.add_column(
                column, justify="right" if column in ("probability", "tokens") else "left", overflow="fold"
            )
        answered = list(zip((answer.text for answer in before), QUESTIONS, strict=True))
        right = 0
        for base, (question, expected) in answered:
            right += self._add_answer(table, question, expected, base)
        unseen = load_rows("complaints_unseen")
        for row in unseen[:: len(unseen) // _MORE_QUESTIONS][:_MORE_QUESTIONS]:
            right += self._add_answer(table, row["input"], row["output"], "")
        self._console.print(table)
        self._say(f"\n{right} of {table.row_count} answers are exactly as expected.")
        self._say(f"A warm Classify request takes {self._latency_milliseconds():.0f} ms (median of 20).")

    def _add_answer(self, table: Table, question: str, expected: str, base: str) -> bool:
        """Ask one question, add it to the table and return whether the answer is as expected."""
        answer = self._client.classify(_SERVING_NAME, question)
        text = ", ".join(answer.labels)
        right = set(answer.labels) == set(expected.split(", "))
        usage = answer.usage
        table.add_row(
            Text(question),
            Text(base),
            Text(text, style="green" if right else "yellow"),
            Text(f"{answer.label_sets[0].probability:.0%}"),
            Text(f"{usage.input_tokens}+{usage.generated_tokens}"),
            Text(expected),
        )
        return right

    def _compare_versions(self, first: TuneExperiment, second: TuneExperiment) -> None:
        """Show where the answers of the prompts that were tuned on both files differ, beside the warnings."""
        self._begin("See what the warnings about the second file were worth")
        report = self._client.check_dataset(sample_path("complaints_v2"))
        print_findings(self._console, report.warnings)
        asked = [*QUESTIONS, *((row["input"], row["output"]) for row in load_rows("complaints_unseen"))]
        asked = [(complaint, expected) for complaint, expected in asked if ", " in expected]
        answers = [
            [
                ", ".join(answer.labels) if isinstance(answer, ClassifyResult) else str(answer)
                for answer in self._client.batch_classify(experiment.tuned_model, [complaint for complaint, _ in asked])
            ]
            for experiment in (first, second)
        ]
        table = Table(box=None, pad_edge=False)
        for column in ("complaint", "expected", "tuned on the first file", "on the second"):
            table.add_column(column, overflow="fold")
        rows = [
            (complaint, expected, *pair)
            for (complaint, expected), pair in zip(asked, zip(*answers, strict=True), strict=True)
        ]
        for complaint, expected, *pair in sorted(rows, key=lambda row: not _is_part(row[3], row[1])):
            if pair[0] != pair[1]:
                styles = ["green" if _departments(answer) == _departments(expected) else "yellow" for answer in pair]
                table.add_row(complaint, expected, *map(Text, pair, styles))
        self._say(
            f"\nThe answers of the two prompts differ for {table.row_count} of {len(asked)} complaints that belong to "
            "several departments:\n"
        )
        self._console.print(table)
        parts = [sum(_is_part(row[place], row[1]) for row in rows) for place in (2, 3)]
        self._say(
            f"\nOnly a part of the departments is named in {parts[0]} of {len(asked)} answers of the first prompt, and "
            f"in {parts[1]} of the second, whose file also has fewer rows ({report.row_count})."
        )

    def _latency_milliseconds(self) -> float:
        seconds = []
        for _ in range(20):
            started = time.perf_counter()
            self._client.classify(_SERVING_NAME, QUESTIONS[0][0])
            seconds.append(time.perf_counter() - started)
        return sorted(seconds)[len(seconds) // 2] * 1000

    def _print_next_steps(self, experiment: TuneExperiment) -> None:
        self._begin("Next steps")
        self._say("The demo's service stops now. To continue with your own:\n")
        self._say("  foreword serve --dev                                  # leave it running")
        self._say("  export FOREWORD_API_KEY=dev                           # in another terminal")
        self._say("  foreword data sample > complaints.jsonl               # or your own file with input and output")
        self._say("  foreword data check complaints.jsonl")
        self._say(f'  foreword tune complaints.jsonl --name "{experiment.display_name.rsplit(" (", 1)[0]}"')
        self._say("  foreword deploy TUNED_MODEL --name complaints         # printed by the run, ready to paste")
        self._say('  foreword classify complaints "Two screws are missing."')
        self._say("\nREADME.md shows the same in Python and other languages, and how to write a plugin.")
        self._say("To do it in the browser, open the link to the studio that `foreword serve --dev` prints.")


def _departments(answer: str) -> set[str]:
    return set(answer.split(", "))


def _is_part(answer: str, expected: str) -> bool:
    """Return whether an answer has only some of the expected departments, and no others."""
    return _departments(answer) < _departments(expected)


def _tokens(answer: GenerateResult) -> str:
    """Return the input and answer tokens of a request."""
    return f"{answer.usage.input_tokens}+{answer.usage.generated_tokens}"
