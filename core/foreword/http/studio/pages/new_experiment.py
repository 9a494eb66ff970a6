"""A new experiment: a form drawn from what the service offers, and the plan that follows from it."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import Dataset, ParameterSpec, Scope, TuneExperiment
from foreword.errors import (
    AlreadyExistsError,
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from foreword.http.errors import STATUS
from foreword.http.studio.forms import Form, read_form
from foreword.http.studio.pages.experiment_command import command
from foreword.http.studio.pages.experiment_draft import (
    OPTIONS,
    PARAMETERS,
    TEXTS,
    Catalog,
    Draft,
    copied,
)
from foreword.http.studio.pages.experiment_fields import drawn_groups
from foreword.http.studio.rendering import fragment, page, root_of
from foreword.http.studio.sessions import Session

_MOST_DATASETS: Final = 200
_MOST_WAITING: Final = 100
_REFUSALS: Final = (
    InvalidArgumentError,
    NotFoundError,
    FailedPreconditionError,
    ExhaustedError,
    AlreadyExistsError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What follows from a draft.

    Attributes:
        specs: The parameters and options that apply, by the name of the field.
        experiment: What would be created, with its plan; None if it would be refused.
        task: Id of the task, set or chosen by the rows; empty if it is not known.
        by_recipe: Number of updates if no parameter were set; None if none is.
        faults: What is wrong with fields, by name.
        problem: What is wrong beside that; None if nothing is.
    """

    specs: Mapping[str, ParameterSpec]
    experiment: TuneExperiment | None
    task: str
    by_recipe: int | None
    faults: Mapping[str, str]
    problem: ForewordError | None


async def show_new_experiment(request: Request, session: Session) -> Response:
    """Show the form, empty or filled with what another experiment was asked for."""
    _check_scope(session)
    query = request.query_params
    datasets = await _datasets(session)
    typed: dict[str, str] = {}
    if source := query.get("from", ""):
        typed = copied(await session.client.get_tune_experiment(f"tenants/{session.tenant}/tuneExperiments/{source}"))
    if chosen := query.get("dataset", "") or typed.get("dataset", "") or (datasets[0].id if datasets else ""):
        typed["dataset"] = chosen
    if "display_name" not in typed:
        typed["display_name"] = next((item.display_name for item in datasets if item.id == chosen), "")
    draft = Draft(typed={name: text for name, text in typed.items() if text}, nonce=secrets.token_hex(8))
    return await _answer(request, session, draft, datasets)


async def show_plan(request: Request, session: Session) -> Response:
    """Return the inside of the form with the plan that follows from it, for the page that is being typed into."""
    _check_scope(session)
    draft = _draft(await read_form(request))
    values = await _values(session, draft, await _datasets(session))
    request_id = request.state.request_id
    return fragment(request, session, "experiment_desk.html", request_id=request_id, live=True, **values)


async def show_again(request: Request, session: Session) -> Response:
    """Show the form with what was typed."""
    _check_scope(session)
    return await _answer(request, session, _draft(await read_form(request)), await _datasets(session))


async def create_experiment(request: Request, session: Session) -> Response:
    """Create the experiment, or show the form again."""
    _check_scope(session)
    form = await read_form(request)
    draft, datasets = _draft(form), await _datasets(session)
    action = form.get("action", "")
    if action == "recipe":
        draft = draft.without_parameters()
    if action in ("recipe", "plan"):
        return await _answer(request, session, draft, datasets)
    specs = await _specs(session, await _catalog(session), draft)
    values, faults = draft.request(specs)
    if faults or not draft.text("dataset"):
        return await _answer(request, session, draft, datasets, status=400)
    try:
        created = await session.client.create_tune_experiment(**values, request_id=draft.request_id())
    except _REFUSALS as problem:
        return await _answer(request, session, draft, datasets, status=STATUS[problem.kind], refused=problem)
    return RedirectResponse(f"{root_of(request)}/{created.name}", 303)


async def _answer(
    request: Request,
    session: Session,
    draft: Draft,
    datasets: Sequence[_Listed],
    *,
    status: int = 200,
    refused: ForewordError | None = None,
) -> Response:
    values = await _values(session, draft, datasets, refused=refused)
    return page(request, session, "experiment_new.html", status=status, live=False, **values)


async def _values(
    session: Session, draft: Draft, datasets: Sequence[_Listed], *, refused: ForewordError | None = None
) -> dict[str, Any]:
    """Return the values of both templates.

    Args:
        refused: Why the experiment was not created, if that was tried.
    """
    catalog = await _catalog(session)
    planned = await _planned(session, catalog, draft)
    if refused is not None and planned.experiment is not None:  # it is in order now, or was refused for another reason
        planned = replace(planned, experiment=None, problem=refused)
    experiment, specs = planned.experiment, planned.specs
    waiting = 0
    if experiment is not None:
        waiting = len(await session.client.list_tune_experiments(filter="state = QUEUED", limit=_MOST_WAITING))
    groups = drawn_groups(specs, draft, catalog, experiment, planned.faults, planned.task)
    shown = {item.name for group in groups for item in group.fields} | set(TEXTS)
    set_count = len(draft.set_parameters(specs))
    return {
        "draft": draft,
        "catalog": catalog,
        "datasets": datasets,
        "groups": groups,
        "kept": {name: text for name, text in draft.typed.items() if name not in shown},
        "experiment": experiment,
        "task": planned.task,
        "faults": defaultdict(str, planned.faults),
        "problem": planned.problem,
        "by_recipe": planned.by_recipe,
        "waiting": waiting,
        "most_waiting": _MOST_WAITING,
        "set_count": set_count,
        "command": command(draft, specs, experiment),
    }


async def _planned(session: Session, catalog: Catalog, draft: Draft) -> Planned:
    """Ask the service what would follow from a draft. Nothing is created."""
    if not draft.text("dataset"):
        return Planned(
            specs=catalog.specs(draft.method, [draft.text("task")]),
            experiment=None,
            task=draft.text("task"),
            by_recipe=None,
            faults={"dataset": "Choose the rows to tune on."},
            problem=None,
        )
    specs = await _specs(session, catalog, draft)
    _, faults = draft.request(specs)
    plain = draft.without_parameters()
    asks_recipe = bool(draft.set_parameters(specs))
    found, recipe = await asyncio.gather(
        _validated(session, draft, specs), _validated(session, plain, specs) if asks_recipe else _nothing()
    )
    by_recipe = recipe.plan.planned_updates if isinstance(recipe, TuneExperiment) else None
    known_task = next((item.task for item in (found, recipe) if isinstance(item, TuneExperiment)), draft.text("task"))
    if known_task:
        specs = catalog.specs(draft.method, [known_task])
    problem: ForewordError | None = None
    if isinstance(found, InvalidArgumentError):
        known = {*specs, *TEXTS}
        others = []
        for violation in found.violations:
            if (name := _field(violation.field, known)) is not None:
                faults.setdefault(name, violation.description)
            else:
                others.append(violation)
        problem = InvalidArgumentError(others) if others else None
    elif isinstance(found, ForewordError):
        problem = found
    said = {name: _sentence(text) for name, text in faults.items()}
    return Planned(
        specs=specs,
        experiment=found if isinstance(found, TuneExperiment) and not faults else None,
        task=known_task,
        by_recipe=by_recipe,
        faults=said,
        problem=problem,
    )


async def _specs(session: Session, catalog: Catalog, draft: Draft) -> dict[str, ParameterSpec]:
    """Return the parameters and options that apply to a draft.

    If options are set but no task is, the service is asked which task it would choose. If it would refuse, those of all
    tasks apply that have such options.
    """
    specs = catalog.specs(draft.method, [draft.text("task")])
    options = {name for name in draft.typed if name.startswith(OPTIONS)}
    if draft.text("task") or not options:
        return specs
    first = await _validated(session, draft.without_parameters(), specs)
    if isinstance(first, TuneExperiment):
        return catalog.specs(draft.method, [first.task])
    owners = [task.id for task in catalog.tasks if options & catalog.specs(draft.method, [task.id]).keys()]
    return catalog.specs(draft.method, owners)


async def _validated(
    session: Session, draft: Draft, specs: Mapping[str, ParameterSpec]
) -> TuneExperiment | ForewordError:
    values, _ = draft.request(specs)
    try:
        return await session.client.create_tune_experiment(**values, validate_only=True)
    except _REFUSALS as problem:
        return problem


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A dataset that can be chosen."""

    id: str
    display_name: str
    version: int
    row_count: int


async def _datasets(session: Session) -> list[_Listed]:
    found: list[Dataset] = await session.client.list_datasets(filter="unlabelled = false", limit=_MOST_DATASETS)
    return [
        _Listed(
            id=item.name.rsplit("/", 1)[-1],
            display_name=item.display_name,
            version=item.version,
            row_count=item.row_count,
        )
        for item in found
    ]


async def _catalog(session: Session) -> Catalog:
    client = session.client
    parameters, tasks, methods, models = await asyncio.gather(
        client.list_parameters(), client.list_tasks(), client.list_tuning_methods(), client.list_base_models()
    )
    tunable = tuple(model for model in models if model.tunable)
    return Catalog(parameters=parameters, tasks=tuple(tasks), methods=tuple(methods), base_models=tunable)


def _draft(form: Form) -> Draft:
    names = (name for name in form if name in TEXTS or name.startswith((PARAMETERS, OPTIONS)))
    return Draft(typed={name: form[name] for name in names if form[name]}, nonce=form.get("nonce", "")[:64])


def _field(path: str, known: set[str]) -> str | None:
    """Return the field of the form for the path of a violation: the longest one that the path begins with."""
    path = path.removeprefix("tune_experiment.")
    begun = [name for name in known if path == name or path.startswith((f"{name}.", f"{name}["))]
    return max(begun, key=len, default=None)


def _sentence(text: str) -> str:
    said = f"{text[:1].upper()}{text[1:]}"
    return said if said.endswith((".", "?", "}")) else f"{said}."


def _check_scope(session: Session) -> None:
    if not session.may(Scope.WRITE):
        raise PermissionDeniedError(
            "This key lacks the scope `write`, which an experiment needs. Sign in with another key.",
            reason="SCOPE_MISSING",
            metadata={"scope": "write"},
        )
