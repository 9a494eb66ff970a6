"""Rendering of evaluations: progress, results, differences in words, and rows."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from foreword.cli.render.evaluation import print_evaluations
from foreword.cli.render.experiment import short_name
from foreword.cli.render.listing import duration, print_facts
from foreword.cli.render.progress_view import ProgressView
from foreword.cli.render.states import job_phase, job_state_in_full, waiting_since
from foreword.client import EvaluatedSystem, Evaluation, EvaluationRow, JobState, SystemDifference
from foreword.client.system_name import system_name
from foreword.domain.counted import counted

_MOST_CHARACTERS = 300
"""Characters of an input or an answer that are printed."""


class EvaluationProgressView(ProgressView):
    """A view of a running evaluation. Pass every change from `Client.watch_evaluation` to `update`."""

    def update(self, evaluation: Evaluation) -> None:
        """Show the current progress."""
        progress = evaluation.progress
        total = counted(progress.total_count, "answer")
        answers = f"{progress.answered_count:,} of {total}" if progress.total_count else ""
        self.show(
            job_phase(evaluation), progress.percent, answers, progress.remaining_seconds, waiting_since(evaluation)
        )


def print_evaluation(console: Console, evaluation: Evaluation, *, metric: str = "") -> None:
    """Print the outcome of an evaluation, or how far it is: results, differences to the first system, next command.

    Args:
        metric: Id of the metric by which the systems are compared. Default: the main one of the task.
    """
    took = ""
    if evaluation.start_time and evaluation.end_time:
        took = duration((evaluation.end_time - evaluation.start_time).total_seconds())
    progress = evaluation.progress
    failure = evaluation.failure
    print_facts(
        console,
        [
            ("evaluation", short_name(evaluation.name)),
            ("name", evaluation.display_name),
            ("retry", beginning_text(evaluation) if evaluation.retry_of else ""),
            ("state", job_state_in_full(evaluation)),
            ("progress", "" if evaluation.state.ended else f"{progress.percent:.0f} %"),
            ("failure", f"{failure.message} ({failure.reason})" if failure else ""),
            ("dataset", short_name(evaluation.dataset)),
            ("duration", took),
            ("cost", f"{evaluation.capacity_unit_hours:.3g} capacity-unit-hours" if evaluation.state.ended else ""),
        ],
    )
    console.print()
    if evaluation.partial:
        console.print(Text(_partial_in_words(evaluation), style="bold yellow"))
        console.print()
    print_evaluations(console, evaluation.results, noun="row", metric=metric)
    if evaluation.results:
        _print_differences(console, evaluation, metric)
        _print_next(console, evaluation)
    if evaluation.state in (JobState.FAILED, JobState.CANCELLED):
        console.print(f"Retry it with: foreword evaluations retry {short_name(evaluation.name)}")


def beginning_text(retry: Evaluation) -> str:
    """Return where a retry begins: `continues 5f2b with 256 of 800 answers`."""
    first, total = short_name(retry.retry_of), retry.progress.total_count
    if not retry.resumed_count:
        return f"repeats {first} from the beginning"
    if not total:
        return f"continues {first} with {counted(retry.resumed_count, 'answer')}"
    return f"continues {first} with {retry.resumed_count:,} of {counted(total, 'answer')}"


def print_systems(console: Console, evaluation: Evaluation) -> None:
    """Print the systems of an evaluation with the models that they stand for."""
    print_facts(console, ((system_name(item.id), _described(item)) for item in evaluation.systems))
    console.print()


def difference_in_words(difference: SystemDifference, *, higher: str = "better", lower: str = "worse") -> str:
    """Return a difference in words, such as `better by 0.12, between 0.05 and 0.19`.

    Args:
        higher: What a higher value is. The default is that of the main metric.
        lower: What a lower value is.
    """
    if difference.interval is None:
        return f"different by {difference.difference:+.2f}, with an unknown interval"
    low, high = difference.interval.lower, difference.interval.upper
    if low > 0:
        return f"{higher} by {difference.difference:.2f}, between {low:.2f} and {high:.2f}"
    if high < 0:
        return f"{lower} by {-difference.difference:.2f}, between {-high:.2f} and {-low:.2f}"
    return f"no clear difference: {difference.difference:+.2f}, between {low:+.2f} and {high:+.2f}"


def print_row(console: Console, row: EvaluationRow) -> None:
    """Print a row: its input, the right answer, and the answers of all systems with their probabilities."""
    console.print(Text.assemble((f"row {row.row:,}  ", "bold"), _shortened(row.input)))
    facts: list[tuple[str, Text]] = [("right answer", Text(_shortened(row.reference)))]
    for answer in row.answers:
        given = Text(_shortened(answer.answer) or "(no answer)", style="" if answer.score >= 1 else "red")
        if answer.probability is not None:
            given.append(f"  {answer.probability:.2f}", style="dim")
        if 0 < answer.score < 1:
            given.append(f"  score {answer.score:.2f}", style="dim")
        facts.append((system_name(answer.system), given))
    print_facts(console, facts)


def _described(system: EvaluatedSystem) -> str:
    """Return the model of a system, and how it is asked: `baseModels/starter, 3 examples, labels only`."""
    given = str(system.model)
    model = short_name(given) if given.startswith("tenants/") else given
    version = short_name(system.version)
    model = f"{model} ({version})" if version not in ("", short_name(given)) else model
    ways = [
        counted(system.shots, "example") if system.shots else "",
        "labels only" if system.constrained else "",
        f"instruction: {_shortened(system.instruction)}" if system.instruction else "",
    ]
    return ", ".join(filter(None, [model, *ways]))


def _partial_in_words(evaluation: Evaluation) -> str:
    """Return which rows and systems partial results are about."""
    total = evaluation.progress.total_count // max(1, len(evaluation.systems))
    answered = {item.system for item in evaluation.results}
    missing = [system_name(item.id) for item in evaluation.systems if item.id not in answered]
    why = "failed" if evaluation.state is JobState.FAILED else "was cancelled"
    without = f" There is no answer of {', '.join(missing)}." if missing else ""
    return (
        f"PARTIAL RESULTS: the evaluation {why} before its end. They are about the first "
        f"{evaluation.results[0].row_count:,} of {counted(total, 'row')}.{without}"
    )


def _print_differences(console: Console, evaluation: Evaluation, metric: str) -> None:
    main = evaluation.results[0].main_metric if evaluation.results else ""
    shown = metric or main
    differences = [item for item in evaluation.differences if item.metric == shown]
    if not differences:
        return
    console.print(f"Compared with {system_name(differences[0].reference)}, {shown.replace('_', ' ')} is")
    # Only for the main metric is it known that higher is better.
    words = {} if shown == main else {"higher": "higher", "lower": "lower"}
    print_facts(console, ((system_name(item.system), difference_in_words(item, **words)) for item in differences))
    console.print()


def _print_next(console: Console, evaluation: Evaluation) -> None:
    """Print how many rows differ, and the command that lists the rows which are worth a look."""
    rows = evaluation.results[0].row_count if evaluation.results else 0
    count = evaluation.differing_row_count
    several = len(evaluation.results) > 1
    if several and count:
        console.print(f"The systems answer {count:,} of {counted(rows, 'row')} differently.")
    elif several:
        console.print("The systems answer all rows alike." if rows > 1 else "The systems answer the row alike.")
    option = "--different" if several and count else "--wrong"
    console.print(f"Next: foreword evaluations rows {short_name(evaluation.name)} {option}")


def _shortened(text: str) -> str:
    """Return a text in one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} [...]"


def print_rows(console: Console, rows: Iterable[EvaluationRow]) -> int:
    """Print rows one below the other, each as soon as it arrives, and return how many there were."""
    count = 0
    for row in rows:
        if count:
            console.print()
        print_row(console, row)
        count += 1
    return count
