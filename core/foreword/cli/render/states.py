"""Rendering of the states of jobs: runs, evaluations and batch jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rich.text import Text

from foreword.client import BatchJob, Evaluation, JobState, TuneExperiment

Job = TuneExperiment | Evaluation | BatchJob

_STYLES = {
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "bold red",
    JobState.CANCELLED: "yellow",
    JobState.CANCELLING: "yellow",
    JobState.RUNNING: "blue",
    JobState.QUEUED: "dim",
}
_UNDER_WAY = (JobState.RUNNING, JobState.CANCELLING)


def state_text(state: JobState, phase: str = "") -> Text:
    """Return a state in its colour, with the phase of a running job."""
    return Text(f"{state.value}, {phase}" if phase else state.value, style=_STYLES[state])


def job_state(job: Job) -> Text:
    """Return the state of a job with its phase, for a list: `running, answering`."""
    return state_text(job.state, job.progress.phase if job.state in _UNDER_WAY else "")


def job_state_in_full(job: Job) -> Text:
    """Return the state of a job, and since when it waits: `running, waiting for a worker since 12:03:10`."""
    state, since = job_state(job), waiting_since(job)
    return state.append(f" {since}") if since else state


def job_phase(job: Job) -> str:
    """Return what a job does, in a word."""
    return job.progress.phase if job.state is JobState.RUNNING else job.state.value


def waiting_since(job: Job) -> str:
    """Return since when a job that was begun waits: `for a worker since 12:03:10`; empty for others."""
    if job.wait_start_time is None or job.state not in _UNDER_WAY:
        return ""
    begin = job.wait_start_time.astimezone()
    is_recent = datetime.now(UTC) - begin < timedelta(hours=12)
    return f"for a worker since {begin:{'%H:%M:%S' if is_recent else '%Y-%m-%d %H:%M'}}"
