"""The prompt lab: one form, whose buttons ask the models or change the form itself.

A prompt never stands in an address, so every button sends the form. With the script, the answer to it is the part of
the page that changes, and the answers of models are a stream; without it, it is the whole page.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from foreword.client import Dataset, Row, Scope
from foreword.client.prompt_variables import MAX_PROMPT
from foreword.http.disconnects import answered
from foreword.http.studio.forms import Form, read_form
from foreword.http.studio.lab.answers import Outcome, Question, answers
from foreword.http.studio.lab.code import filled_prompt_length, snippets
from foreword.http.studio.lab.counts import counts_of, part_counts
from foreword.http.studio.lab.edits import edit, kept_rows, store_rows, take_rows
from foreword.http.studio.lab.faults import Faults
from foreword.http.studio.lab.models import models_of
from foreword.http.studio.lab.over_rows import RowsTurn, answers_over, questions_over, rows_to_answer
from foreword.http.studio.lab.parameters import parse_values, shown_specs, typed_values
from foreword.http.studio.lab.prompt import MOST_COLUMNS, LabPrompt
from foreword.http.studio.lab.saved import act, check_columns
from foreword.http.studio.lab.saved_view import saved_view, with_versions
from foreword.http.studio.lab.view import DRAFTS, LabView, Turn, element_id, partial
from foreword.http.studio.protection import HEADERS
from foreword.http.studio.rendering import page, render, root_of
from foreword.http.studio.sessions import Session, service_address
from foreword.http.studio.stream import HtmlStream

_MOST_DATASETS: Final = 100
_LONGEST_NAME: Final = 300


async def show_lab(request: Request, session: Session) -> Response:
    """Show the lab with a fresh form, for the models that the address names or for the newest one and its base."""
    named = [name[:_LONGEST_NAME] for name in request.query_params.getlist("model")[:MOST_COLUMNS] if name]
    view = await _view(session, LabPrompt(), named)
    columns = view.models.columns_for(named) if named else view.models.first_columns()
    view.prompt = LabPrompt(columns=columns)
    return _whole_page(request, session, view)


async def show_again(request: Request, session: Session) -> Response:
    """Show the form with what was typed."""
    return _whole_page(request, session, await _typed_view(session, await read_form(request)))


async def act_in_lab(request: Request, session: Session) -> Response:
    """Do what a button of the form says."""
    form = await read_form(request)
    view = await _typed_view(session, form)
    name, _, argument = form.get("do", "").partition(":")
    parts: list[str] = []
    match name:
        case "run":
            questions = _questions(view)
            if not view.faults:
                return await _run(request, session, view, questions)
        case "code":
            view.prompt = await with_versions(session.client, view.prompt, loaded=True)
            parts = _show_code(request, session, view, argument)
        case "rows":
            parts = await take_rows(session.client, view)
        case "over":
            rows = await rows_to_answer(session.client, view)
            questions = questions_over(view, _questions(view))
            if not view.faults:
                return await _run_over(request, session, view, questions, rows)
        case "download":
            kept = kept_rows(view)
            if not view.faults:
                headers = HEADERS | {"content-disposition": 'attachment; filename="rows.jsonl"'}
                return Response(kept, media_type="application/jsonl", headers=headers)
        case "upload":
            stored = await store_rows(session.client, view)
            if stored:
                return RedirectResponse(f"{root_of(request)}/{stored}", 303)
        case "find":
            parts = ["library"]
        case "save" | "load" | "versions" | "compare" | "beside":
            parts = await act(session.client, view, name, argument)
        case _:
            parts = edit(view, name, argument)
    if not _by_script(request):
        return _whole_page(request, session, view)
    values = {**_shared(request, session), **view.values()}
    changed = [partial(part, _rendered(f"lab_{part}.html", **values)) for part in parts]
    return HTMLResponse("".join([*changed, *_fault_parts(view.faults)]), _status(view), headers=HEADERS)


async def count_tokens(request: Request, session: Session) -> Response:
    """Count the tokens of the prompt as it is being typed, for each column."""
    prompt = await with_versions(session.client, LabPrompt.of(await read_form(request)))
    counts = await answered(request, counts_of(session.client, prompt))
    columns = [partial(f"count-{place}", _rendered("lab_count.html", count=item)) for place, item in enumerate(counts)]
    beside = [partial(f"tokens-{name}", text) for name, text in part_counts(prompt, counts).items()]
    return HTMLResponse("".join([*columns, *beside]), headers=HEADERS)


async def _view(session: Session, prompt: LabPrompt, named: list[str], find: str = "") -> LabView:
    models, listed, datasets, saved, whole = await asyncio.gather(
        models_of(session, named),
        session.client.list_parameters(),
        _datasets(session),
        saved_view(session, prompt, find),
        with_versions(session.client, prompt),
    )
    specs = shown_specs(listed.generate_parameters)
    return LabView(prompt=whole, models=models, specs=specs, datasets=datasets, saved=saved)


async def _typed_view(session: Session, form: Form) -> LabView:
    """Return the lab as a form has it."""
    prompt = LabPrompt.of(form)
    find = form.get("saved_find", "").strip()[:_LONGEST_NAME]
    view = await _view(session, prompt, [column.model for column in prompt.columns], find)
    if not prompt.columns:
        view.prompt = replace(view.prompt, columns=view.models.first_columns())
    view.typed = typed_values(form, view.specs)
    view.draft = {name: form.get(name, first) for name, first in DRAFTS.items()}
    return view


async def _datasets(session: Session) -> list[Dataset]:
    if not session.may(Scope.READ):
        return []
    return [item for item in await session.client.list_datasets(limit=_MOST_DATASETS) if not item.unlabelled]


def _questions(view: LabView) -> list[Question]:
    """Return the questions of all columns. What is wrong with the form is added to its faults."""
    values = parse_values(view.typed, view.specs, view.faults)
    check_columns(view)
    return [
        Question(
            model=view.models.named(column.model),
            prompt=view.prompt.sent_to(column),
            variables=view.prompt.variables_for(column, view.faults),
            values=values,
            saved=view.prompt.saved_for(column),
        )
        for column in view.prompt.columns
    ]


async def _run(request: Request, session: Session, view: LabView, questions: list[Question]) -> Response:
    """Ask all columns."""
    turn = Turn(
        id=_new_id(),
        asked=view.prompt.asked,
        questions=questions,
        outcomes=[None] * len(questions),
    )
    if _by_script(request):
        return HtmlStream(_updates(session, turn, _shared(request, session)))
    outcomes = await answered(request, _all_outcomes(session, questions))
    for outcome in outcomes:
        if outcome.error is not None:
            view.faults.add_error(outcome.error)
    view.turn = replace(turn, outcomes=outcomes)
    return _whole_page(request, session, view)


async def _all_outcomes(session: Session, questions: list[Question]) -> list[Outcome]:
    found: dict[int, Outcome] = {}
    async with aclosing(answers(session.client, questions)) as updates:
        async for arrived in updates:
            found |= {place: item for place, item in arrived if isinstance(item, Outcome)}
    return [found[place] for place in range(len(questions))]


async def _updates(session: Session, turn: Turn, values: dict[str, Any]) -> AsyncGenerator[tuple[int, str]]:
    """Yield numbered parts of the page: the turn without answers, their pieces, and what became of each."""
    yield 0, partial("turns", _rendered("lab_turn.html", turn=turn, **values), "afterbegin")
    faults, number = Faults(), 0
    async with aclosing(answers(session.client, turn.questions)) as updates:
        async for arrived in updates:
            number += 1
            for _, item in arrived:
                if isinstance(item, Outcome) and item.error is not None:
                    faults.add_error(item.error)
            parts = [_part(turn, place, item, values) for place, item in arrived]
            yield number, "".join([*parts, *_fault_parts(faults)])


def _part(turn: Turn, place: int, item: str | Outcome, values: dict[str, Any]) -> Markup:
    if isinstance(item, str):
        return partial(f"said-{turn.id}-{place}", escape(item), "beforeend")
    html = _rendered("lab_answer.html", turn=turn, place=place, outcome=item, **values)
    return partial(f"answer-{turn.id}-{place}", html, "outerHTML")


async def _run_over(
    request: Request, session: Session, view: LabView, questions: list[Question], rows: list[Row]
) -> Response:
    """Ask all columns the same about each row."""
    name = view.draft["over"]
    title = next((item.display_name for item in view.datasets if item.name == name), name)
    unanswered: list[list[Any]] = [[None] * len(rows) for _ in questions]
    turn = RowsTurn(id=_new_id(), dataset=(name, title), questions=questions, rows=rows, answers=unanswered)
    if _by_script(request):
        return HtmlStream(_row_updates(session, turn, _shared(request, session)))
    async with aclosing(answers_over(session.client, questions, rows)) as arrived:
        async for place, first, answers in arrived:
            unanswered[place][first : first + len(answers)] = answers
    view.rows_turn = turn
    return _whole_page(request, session, view)


async def _row_updates(session: Session, turn: RowsTurn, values: dict[str, Any]) -> AsyncGenerator[tuple[int, str]]:
    """Yield numbered parts of the page: the table without answers, then its cells."""
    yield 0, partial("turns", _rendered("lab_rows_turn.html", rows_turn=turn, **values), "afterbegin")
    known = [list(column) for column in turn.answers]
    number = 0
    async with aclosing(answers_over(session.client, turn.questions, turn.rows)) as arrived:
        async for place, first, answers in arrived:
            number += 1
            known[place][first : first + len(answers)] = answers
            now = replace(turn, answers=known)
            parts = [
                partial(f"cell-{turn.id}-{place}-{row}", _cell(now, place, row))
                for row in range(first, first + len(answers))
            ]
            total = _rendered("lab_rows_total.html", rows_turn=now, place=place)
            yield number, "".join([*parts, partial(f"total-{turn.id}-{place}", total)])


def _cell(turn: RowsTurn, place: int, row: int) -> Markup:
    return _rendered("lab_rows_cell.html", answer=turn.answers[place][row], row=turn.rows[row])


def _new_id() -> str:
    return f"r{secrets.token_hex(6)}"


def _show_code(request: Request, session: Session, view: LabView, argument: str) -> list[str]:
    """Show the request of a column as code."""
    questions = _questions(view)
    if view.faults or not questions:
        return []
    place = int(argument) if argument in ("1", "2", "3") else 0
    question = replace(questions[min(place, len(questions) - 1)], tenant=session.tenant)
    if (length := filled_prompt_length(question)) > MAX_PROMPT:
        view.faults.add(
            "variables",
            f"The prompt would have {length:,} characters with its variables, and at most {MAX_PROMPT:,} are possible. "
            "Shorten a value, or use it less often.",
        )
        return []
    view.code = snippets(question, service_address(request, session), f"{request.url.scheme}://{request.url.netloc}")
    view.code_title = question.model.title
    return ["code"]


def _shared(request: Request, session: Session) -> dict[str, Any]:
    """Return the values that every template has."""
    return {"root": root_of(request), "session": session, "request_id": request.state.request_id}


def _whole_page(request: Request, session: Session, view: LabView) -> Response:
    return page(request, session, "lab.html", status=_status(view), **view.values())


def _status(view: LabView) -> int:
    return 422 if view.faults else 200


def _fault_parts(faults: Faults) -> list[Markup]:
    return [
        partial(f"fault-{element_id(name)}", _rendered("lab_fault.html", sentences=sentences))
        for name, sentences in faults.by_field.items()
    ]


def _rendered(template: str, **values: Any) -> Markup:
    return Markup(render(template, **values))  # noqa: S704 - a rendered template, whose texts are escaped


def _by_script(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"
