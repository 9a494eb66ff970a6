"""Datasets: the list, one dataset with its report and its rows, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from foreword.client import DataReport, Dataset, ReportPart, Severity, TuneExperiment
from foreword.errors import ForewordError, NotFoundError
from foreword.http.errors import STATUS
from foreword.http.studio.changes import changed
from foreword.http.studio.filters import quoted
from foreword.http.studio.formats import plural, short_name
from foreword.http.studio.pages.dataset_difference import Difference, difference
from foreword.http.studio.paging import PAGE_SIZE, ListPage
from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session

ORDERS: Final = ("create_time", "create_time desc", "display_name", "display_name desc", "row_count", "row_count desc",
                 "byte_size", "byte_size desc")  # fmt: skip
_MOST_RUNS: Final = 100
"""Newest experiments on the datasets of a page that its list counts."""
_MOST_VERSIONS: Final = 20
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A dataset as the list shows it.

    Attributes:
        report: None if it was deleted in the meantime.
        runs: Experiments that train on it, the newest first.
        more_runs: Whether older ones may be missing.
    """

    dataset: Dataset
    report: DataReport | None
    runs: Sequence[TuneExperiment]
    more_runs: bool

    @property
    def label_count(self) -> int | None:
        """Number of labels; None for open tasks."""
        return None if self.report is None else label_count(self.report)


async def list_datasets(request: Request, session: Session) -> Response:
    """Show the list and the form to upload a file."""
    upload = upload_values(typed={"display_name": request.query_params.get("upload", "")[:_MAX_NAME]})
    return page(request, session, "datasets.html", **await list_values(request, session), **upload)


async def show_dataset(request: Request, session: Session) -> Response:
    """Show one dataset: what the checks found in it, and 50 of its rows."""
    return await _shown(request, session)


async def delete_dataset(request: Request, session: Session) -> Response:
    """Delete a dataset that no queued or running experiment needs."""
    return await changed(
        request,
        session.client.delete_dataset(_name(request, session)),
        then=lambda _: f"/tenants/{session.tenant}/datasets",
        refused=lambda problem: _shown(request, session, problem=problem),
    )


async def list_values(request: Request, session: Session) -> dict[str, Any]:
    """Return the values of the list for its template."""
    query = request.query_params
    name, order = query.get("name", "")[:_MAX_NAME], query.get("order_by", "")
    order = order if order in ORDERS else ""
    condition = f"display_name : {quoted(name)}" if name else ""
    listed = await ListPage.read(
        request,
        lambda token, limit: session.client.list_datasets(
            filter=condition, order_by=order, limit=limit, page_token=token
        ),
    )
    reports, (runs, more_runs) = await asyncio.gather(
        asyncio.gather(*(_report(session, dataset.name) for dataset in listed.items)),
        _runs_on(session, listed.items),
    )
    return {
        "datasets": [
            Listed(dataset=dataset, report=report, runs=runs[dataset.name], more_runs=more_runs)
            for dataset, report in zip(listed.items, reports, strict=True)
        ],
        "name": name,
        "order": order,
        "listed": listed,
        "base_models": await session.client.list_base_models(),
        "tasks": await session.client.list_tasks(),
        "max_bytes": request.app.state.settings.max_dataset_bytes,
    }


def upload_values(
    *,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    problem: ForewordError | None = None,
    report: DataReport | None = None,
    file_name: str = "",
) -> dict[str, Any]:
    """Return the values of the form to upload a file for its template.

    Args:
        typed: What was typed into its fields.
        faults: What is wrong with fields, by name.
        problem: The reason why nothing was stored.
        report: What the checks have found in a file that was not stored.
    """
    return {
        "typed": {"display_name": "", "task": "", "base_model": ""} | dict(typed or {}),
        "faults": defaultdict(str, faults or {}),
        "problem": problem,
        "report": report,
        "file_name": file_name,
        "sent": bool(file_name or faults),
    }


def label_count(report: DataReport) -> int | None:
    """Return the number of labels in a report; None if it has no table of them."""
    part = next((part for part in report.parts if part.id == "label_counts"), None)
    rows = getattr(part.content, "rows", None) if part is not None else None
    return None if rows is None else len(rows)


async def _shown(request: Request, session: Session, *, problem: ForewordError | None = None) -> Response:
    query, name = request.query_params, _name(request, session)
    row = _natural(query.get("row", ""))
    after = (row - 1) // PAGE_SIZE * PAGE_SIZE if row else _natural(query.get("after", ""))
    dataset, rows = await asyncio.gather(
        session.client.get_dataset(name),
        session.client.list_dataset_rows(name, after_row=after, limit=PAGE_SIZE + 1),
    )
    versions, runs = await asyncio.gather(
        session.client.list_datasets(
            filter=f"display_name = {quoted(dataset.display_name)}", order_by="version desc", limit=_MOST_VERSIONS
        ),
        session.client.list_tune_experiments(filter=f"dataset = {quoted(dataset.name)}", limit=PAGE_SIZE),
    )
    against = query.get("against", "")
    others = [item for item in versions if item.name != dataset.name]
    other = next((item for item in others if short_name(item.name) == against), None) or next(
        (item for item in others if item.version < dataset.version), None
    )
    report = dataset.report or DataReport(row_count=dataset.row_count, usable_row_count=dataset.row_count)
    return page(
        request,
        session,
        "dataset.html",
        status=200 if problem is None else STATUS[problem.kind],
        dataset=dataset,
        report=report,
        lead=_lead(report),
        tables=[part for part in report.parts if not _is_histogram(part)],
        lengths=[part for part in report.parts if _is_histogram(part)],
        rows=rows[:PAGE_SIZE],
        named=_named_rows(report),
        row=row,
        after=after,
        next_after=rows[PAGE_SIZE - 1].number if len(rows) > PAGE_SIZE else None,
        page_size=PAGE_SIZE,
        versions=versions,
        difference=None if other is None else await _difference(session, dataset, other),
        runs=runs,
        problem=problem,
    )


async def _difference(session: Session, dataset: Dataset, other: Dataset) -> Difference | None:
    try:
        return difference(dataset, await session.client.get_dataset(other.name))
    except NotFoundError:  # deleted since it was listed
        return None


def _lead(report: DataReport) -> str:
    """Return the sentence under the title: whether the data can be used, and what is likely to hurt."""
    usable = (
        f"All {plural(report.row_count, 'row')} can be used"
        if report.usable_row_count == report.row_count
        else f"{report.usable_row_count:,} of {plural(report.row_count, 'row')} can be used"
    )
    warnings = report.warnings
    if not warnings:
        return f"{usable}, and the checks found nothing that is likely to hurt."
    if len(warnings) == 1:
        return f"{usable}, with one warning: {warnings[0].message}"
    return f"{usable}, with {len(warnings)} warnings. The first: {warnings[0].message}"


def _named_rows(report: DataReport) -> dict[int, list[str]]:
    """Return the codes of the warnings that name a row, by number of the row."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for finding in report.findings:
        if finding.severity is not Severity.INFO:
            for row in finding.rows:
                found[row].append(finding.code.replace("_", " ").lower())
    return dict(found)


def _is_histogram(part: ReportPart) -> bool:
    return hasattr(part.content, "edges")


async def _report(session: Session, name: str) -> DataReport | None:
    try:
        return (await session.client.get_dataset(name)).report
    except ForewordError:  # deleted since it was listed
        return None


async def _runs_on(session: Session, datasets: Iterable[Dataset]) -> tuple[Mapping[str, list[TuneExperiment]], bool]:
    """Return the newest experiments by the names of their datasets, and whether there are older ones."""
    found: defaultdict[str, list[TuneExperiment]] = defaultdict(list)
    conditions = [f"dataset = {quoted(short_name(dataset.name))}" for dataset in datasets]
    if not conditions:
        return found, False
    runs = await session.client.list_tune_experiments(filter=" OR ".join(conditions), limit=_MOST_RUNS)
    for run in runs:
        found[run.dataset].append(run)
    return found, bool(runs.next_page_token)


def _natural(text: str) -> int:
    """Return a number of the query; 0 if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _name(request: Request, session: Session) -> str:
    return f"tenants/{session.tenant}/datasets/{request.path_params['dataset']}"
