"""Jobs, workers and the runs that they tune."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query

from dashboards.queries import events, mean, quantiles, rate

EXPERIMENTS: Final = Dashboard(
    uid="foreword-experiments",
    title="Foreword: Experiments",
    panels=(
        Panel(
            title="Jobs that have not ended",
            description="Experiments, evaluations and other jobs by state. Every server exports the same numbers.",
            queries=(
                Query(
                    expr='max by (kind, state) (foreword_jobs{state=~"queued|running|cancelling"})',
                    legend="{{kind}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Oldest queued job",
            description="Add workers if it grows.",
            unit="s",
            queries=(Query(expr="max by (kind) (foreword_oldest_queued_job_seconds)", legend="{{kind}}"),),
        ),
        Panel(
            title="Wait for a worker",
            description="Time from the creation of a job until a worker begins it.",
            unit="s",
            queries=quantiles("foreword_queue_wait_seconds", "kind", shares=(0.5, 0.95)),
        ),
        Panel(
            title="Jobs at the workers",
            description="Jobs that each worker does at the moment.",
            queries=(Query(expr="sum by (instance, kind) (foreword_running_jobs)", legend="{{instance}} {{kind}}"),),
        ),
        Panel(
            title="Runs that are tuned together",
            description="Mean number of runs in a pass.",
            queries=(mean("foreword_jobs_per_step", "base_model"),),
        ),
        Panel(
            title="Time of an update",
            description="Of passes with rows of several runs, the share of the run.",
            unit="s",
            queries=quantiles("foreword_step_seconds", "base_model", shares=(0.5, 0.95)),
        ),
        Panel(
            title="Examples per second",
            description="Rows in the updates of all runs.",
            queries=(rate("foreword_trained_examples_total", "base_model"),),
        ),
        Panel(
            title="Training loss",
            description="Of the last update of any run of a task, in nats per token. It rises when a new run begins.",
            queries=(Query(expr="avg by (task) (foreword_loss)", legend="{{task}}"),),
        ),
        Panel(
            title="Age of the oldest checkpoint",
            description="Work that a run would lose if its worker died.",
            unit="s",
            queries=(Query(expr="foreword_checkpoint_age_seconds", legend="{{instance}}"),),
        ),
        Panel(
            title="Time to write a checkpoint",
            description="A slow artifact store makes it grow.",
            unit="s",
            queries=quantiles("foreword_checkpoint_seconds", shares=(0.5, 0.95)),
        ),
        Panel(
            title="How jobs left their workers",
            description="In the range of the dashboard.",
            kind="bargauge",
            queries=(events("foreword_job_ends_total", "kind, outcome"),),
        ),
        Panel(
            title="Checkpoints not written",
            description="The artifact store was not available.",
            queries=(
                Query(expr="increase(foreword_checkpoint_failures_total[$__rate_interval])", legend="{{instance}}"),
            ),
        ),
    ),
)
