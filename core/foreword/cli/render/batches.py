"""Rendering of batch jobs."""

from __future__ import annotations

from rich.console import Console

from foreword.cli.render.experiment import short_name
from foreword.cli.render.listing import duration, estimated, print_facts
from foreword.cli.render.progress_view import ProgressView
from foreword.cli.render.states import job_phase, job_state_in_full, waiting_since
from foreword.client import BatchJob, JobState
from foreword.domain.counted import counted


class BatchProgressView(ProgressView):
    """A view of a running batch job. Pass every change from `Client.watch_batch_job` to `update`."""

    def update(self, job: BatchJob) -> None:
        """Show the current progress."""
        progress = job.progress
        failed = f", {progress.failed_count:,} failed" if progress.failed_count else ""
        rows = f"{progress.answered_count:,} of {counted(progress.total_count, 'row')}{failed}"
        self.show(job_phase(job), progress.percent, rows, progress.remaining_seconds, waiting_since(job))


def print_batch_job(console: Console, job: BatchJob) -> None:
    """Print a batch job, and the command that writes its answers."""
    progress, failure, took = job.progress, job.failure, ""
    if job.start_time and job.end_time:
        took = duration((job.end_time - job.start_time).total_seconds())
    print_facts(
        console,
        [
            ("batch job", short_name(job.name)),
            ("name", job.display_name),
            ("retry", beginning_text(job) if job.retry_of else ""),
            ("state", job_state_in_full(job)),
            ("answered", f"{progress.answered_count:,} of {counted(progress.total_count, 'row')}"),
            ("failed", counted(progress.failed_count, "row") if progress.failed_count else ""),
            ("failure", f"{failure.message} ({failure.reason})" if failure else ""),
            ("model", short_name(job.version)),
            ("dataset", short_name(job.dataset)),
            ("duration", took),
            ("cost", f"{job.capacity_unit_hours:.3g} capacity-unit-hours" if job.state.ended else ""),
        ],
    )
    id = short_name(job.name)
    if progress.failed_count:
        console.print(f"List the failed rows with: foreword batches download {id} --failed", style="dim")
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        console.print(f"Retry it with: foreword batches retry {id}", style="dim")
    if progress.answered_count and job.state is not JobState.SUCCEEDED:
        console.print(f"Write the answers so far with: foreword batches download {id} --output FILE", style="dim")


def beginning_text(retry: BatchJob) -> str:
    """Return where a retry begins: `continues 5f2b after 120 of 400 rows`."""
    first, total = short_name(retry.retry_of), retry.progress.total_count
    if not retry.resumed_count:
        return f"repeats {first} from the beginning"
    return f"continues {first} after {retry.resumed_count:,} of {counted(total, 'row')}"


def print_batch_plan(console: Console, job: BatchJob) -> None:
    """Print what a batch job would take."""
    plan = job.plan
    known = plan.estimated_seconds > 0
    print_facts(
        console,
        [
            ("model", job.version),
            ("method", job.method),
            ("rows", f"{plan.row_count:,}"),
            ("input tokens", f"about {plan.input_tokens:,}"),
            ("time", estimated(plan.estimated_seconds) if known else "unknown"),
            ("cost", f"about {plan.capacity_unit_hours:.3g} capacity-unit-hours" if known else "unknown"),
        ],
    )
