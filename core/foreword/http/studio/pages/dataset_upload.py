"""The upload of a file: checked as a whole, and stored if no row is faulty."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import DataReport
from foreword.errors import (
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    InvalidArgumentError,
    InvalidRowsError,
    NotFoundError,
)
from foreword.http.disconnects import answered
from foreword.http.errors import STATUS, RequestError
from foreword.http.studio.pages.datasets import list_values, upload_values
from foreword.http.studio.rendering import page, root_of
from foreword.http.studio.sessions import Session
from foreword.http.uploads import uploaded_form

_FIELDS: Final = ("display_name", "task", "base_model")
_MAX_TYPED: Final = 20_000
"""Characters of a field that are shown again; the service takes fewer."""


async def upload_dataset(request: Request, session: Session) -> Response:
    """Check a file and store it, or say what is wrong with it."""
    settings = request.app.state.settings
    async with uploaded_form(request, settings.max_dataset_bytes, tenant=session.tenant) as form:
        typed = {name: _text(form, name) for name in _FIELDS}
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return await _again(request, session, typed, faults={"file": "Choose a file of rows."}, status=400)
        name = Path(upload.filename).name
        async with _on_disk(upload) as path:
            checks: dict[str, Any] = {"task": typed["task"], "base_model": typed["base_model"]}
            stored_as = typed["display_name"].strip() or Path(name).stem
            try:
                if form.get("action") == "check":
                    report = await answered(request, session.client.check_dataset(path, **checks))
                    return await _again(request, session, typed, report=report, file_name=name)
                stored = session.client.upload_dataset(path, display_name=stored_as, **checks)
                dataset = await answered(request, stored)
            except InvalidRowsError as problem:
                report = await session.client.check_dataset(path, **checks)
                return await _again(
                    request, session, typed, problem=problem, report=report, file_name=name, status=STATUS[problem.kind]
                )
            except (InvalidArgumentError, FailedPreconditionError, ExhaustedError, NotFoundError) as problem:
                faults = _faults(problem) if isinstance(problem, InvalidArgumentError) else {}
                return await _again(
                    request,
                    session,
                    typed,
                    faults=faults,
                    problem=problem,
                    file_name=name,
                    status=STATUS[problem.kind],
                )
    return RedirectResponse(f"{root_of(request)}/{dataset.name}", 303)


async def _again(
    request: Request,
    session: Session,
    typed: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    problem: ForewordError | None = None,
    report: DataReport | None = None,
    file_name: str = "",
    status: int = 200,
) -> Response:
    """Show the page again, with what was typed and what was found."""
    values = upload_values(typed=typed, faults=faults, problem=problem, report=report, file_name=file_name)
    return page(request, session, "datasets.html", status=status, **await list_values(request, session), **values)


def _faults(problem: InvalidArgumentError) -> dict[str, str]:
    """Return the faults of fields by the name of the field; others are faults of the file."""
    found: dict[str, str] = {}
    for violation in problem.violations:
        name = violation.field.removeprefix("header.")
        found.setdefault(name if name in _FIELDS else "file", violation.description)
    return {name: f"{text[:1].upper()}{text[1:]}." if text[-1:] != "." else text for name, text in found.items()}


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise RequestError("The form cannot be read. Send it again from its page.", reason="FORM_INVALID")
    return value[:_MAX_TYPED]


@asynccontextmanager
async def _on_disk(upload: UploadFile) -> AsyncGenerator[Path]:
    """Write an upload to a file with a path, which the client reads as it sends it."""
    with tempfile.NamedTemporaryFile(prefix="foreword-") as rows:
        await asyncio.to_thread(shutil.copyfileobj, upload.file, rows)
        await asyncio.to_thread(rows.flush)
        yield Path(rows.name)
