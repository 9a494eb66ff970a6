"""The tables of `foreword top`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foreword.cli.render.listing import make_table
from foreword.cli.top.readings import Change, Reading

_ACTIVE = ("queued", "running")
_NOTHING = "-"
_RUNNING = "foreword_running_jobs"


def tables(change: Change) -> RenderableType:
    """Return all tables below each other; empty ones are left out."""
    made = (_tenants(change), _deployments(change), _models(change), _queues(change.now), _workers(change))
    return Group(*(part for table in made if table.row_count for part in (table, Text())))


def _tenants(change: Change) -> Table:
    now = change.now
    names = set(now.values("foreword_tenant_requests_total", "tenant")) | set(
        now.values("foreword_tenant_jobs", "tenant")
    )
    rows = []
    for tenant in names:
        requests = change.rate("foreword_tenant_requests_total", tenant=tenant)
        failed = requests - change.rate("foreword_tenant_requests_total", tenant=tenant, code="OK")
        rows.append(
            (
                tenant,
                f"{requests:.1f}",
                f"{failed / requests:.0%}" if requests else _NOTHING,
                f"{change.rate('foreword_tokens_total', tenant=tenant):.0f}",
                *(f"{_jobs(now, 'foreword_tenant_jobs', tenant=tenant, state=state):.0f}" for state in _ACTIVE),
                f"{now.total('foreword_capacity_unit_hours_total', tenant=tenant):.3f}",
            )
        )
    rows.sort(key=lambda row: (-float(row[1]), row[0]))
    return _table(
        "Tenants", ("tenant", "requests/s", "failed", "tokens/s", "jobs queued", "running", "unit hours"), rows
    )


def _deployments(change: Change) -> Table:
    requests = "foreword_inference_requests_total"
    found = {
        (labels["tenant"], labels["deployment"])
        for _, name, pairs in change.now.samples
        if name == requests and (labels := dict(pairs)).get("deployment")
    }
    rows = [
        (
            f"{tenant}/{deployment}",
            f"{change.rate(requests, tenant=tenant, deployment=deployment):.1f}",
            f"{change.rate(requests, tenant=tenant, deployment=deployment, outcome='error'):.1f}",
            f"{change.rate('foreword_tokens_total', tenant=tenant, deployment=deployment):.0f}",
        )
        for tenant, deployment in sorted(found)
    ]
    rows.sort(key=lambda row: -float(row[1]))
    return _table("Deployments", ("deployment", "requests/s", "errors/s", "tokens/s"), rows)


def _models(change: Change) -> Table:
    rows = []
    for model in change.now.values("foreword_model_resident", "base_model"):
        if not change.now.total("foreword_model_resident", base_model=model):
            continue
        rows.append(
            (
                model,
                f"{change.now.total('foreword_model_resident_bytes', base_model=model) / 2**20:.0f} MiB",
                _milliseconds(change.mean("foreword_queue_seconds", base_model=model)),
                _milliseconds(change.mean("foreword_time_to_first_token_seconds", base_model=model)),
                _number(change.mean("foreword_batch_size", base_model=model)),
                _number(change.mean("foreword_prompts_per_batch", base_model=model)),
            )
        )
    columns = ("base model", "memory", "queue ms", "first token ms", "rows per batch", "tuned models")
    return _table("Models in memory", columns, rows)


def _queues(now: Reading) -> Table:
    rows = [
        (
            "inference",
            f"{now.total('foreword_queue_depth'):.0f}",
            f"{now.total('foreword_running_rows'):.0f}",
            _NOTHING,
        )
    ]
    for kind in now.values("foreword_jobs", "kind"):
        queued, running = (f"{_jobs(now, 'foreword_jobs', kind=kind, state=state):.0f}" for state in _ACTIVE)
        oldest = now.largest("foreword_oldest_queued_job_seconds", kind=kind)
        rows.append((kind, queued, running, f"{oldest:.0f} s"))
    return _table("Queues", ("queue", "waiting", "running", "oldest"), rows)


def _workers(change: Change) -> Table:
    rows = []
    for process in change.now.processes("foreword_checkpoint_age_seconds"):
        mine = change.only(process)
        jobs = {kind: mine.now.total("foreword_running_jobs", kind=kind) for kind in mine.now.values(_RUNNING, "kind")}
        losses = [
            f"{task} {mine.now.total('foreword_loss', task=task):.3f}"
            for task in mine.now.values("foreword_loss", "task")
        ]
        rows.append(
            (
                process.removeprefix("http://"),
                ", ".join(f"{count:.0f} {kind}" for kind, count in jobs.items() if count) or "idle",
                f"{mine.rate('foreword_trained_examples_total'):.1f}",
                _milliseconds(mine.mean("foreword_step_seconds")),
                ", ".join(losses) or _NOTHING,
                f"{mine.now.total('foreword_checkpoint_age_seconds'):.0f} s",
            )
        )
    return _table("Workers", ("worker", "jobs", "rows/s", "update ms", "loss", "checkpoint"), rows)


def _jobs(now: Reading, name: str, **labels: str) -> float:
    """Return a number of jobs. Every server exports those of the whole database."""
    return max((now.only(process).total(name, **labels) for process in now.processes(name)), default=0.0)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = make_table(columns, rows, right=columns[1:])
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    return table


def _milliseconds(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{1000 * seconds:.1f}"


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"
