"""Files: the datasets of the service."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foreword.client import AsyncClient, Dataset
from foreword.errors import InvalidArgumentError, InvalidRowsError
from foreword.http.callers import client_of
from foreword.http.disconnects import answered
from foreword.http.errors import RequestError
from foreword.http.event_stream import PacedResponse
from foreword.http.openai.paging import from_moment, idempotency_key, last_part, listed, page, query, resource_name
from foreword.http.openai.tuning.row_faults import RowFaults
from foreword.http.openai.tuning.training_rows import convert_rows
from foreword.http.uploads import uploaded_form

FILE_PREFIX: Final = "file-"
_PURPOSE: Final = "fine-tune"
_UNLABELLED: Final = "batch"
"""Purpose of the files whose rows have no outputs."""
_PURPOSES: Final = (_PURPOSE, _UNLABELLED)
_MOST_FILES: Final = 10_000
_MAX_NAME: Final = 200
_PART_BYTES: Final = 64 * 2**10


async def create_file(request: Request) -> Response:
    """Check and store a file of training rows."""
    client, key = client_of(request), idempotency_key(request)
    async with uploaded_form(request, request.app.state.settings.max_dataset_bytes) as form:
        upload = _file(form)
        with tempfile.NamedTemporaryFile(prefix="foreword-") as rows:
            faults = await asyncio.to_thread(convert_rows, upload.file, rows)
            await asyncio.to_thread(rows.flush)
            if faults.number:
                await answered(request, _check_others(client, Path(rows.name), faults))
                raise faults.error()
            name = Path(upload.filename or "").name[:_MAX_NAME] or "file"
            stored = client.upload_dataset(Path(rows.name), display_name=name, request_id=key)
            try:
                dataset = await answered(request, stored)
            except InvalidRowsError as error:
                faults.add_violations(error.violations)
                raise faults.error() from None
    return JSONResponse(file_object(dataset))


async def list_files(request: Request) -> Response:
    """List the datasets of the caller's tenant."""
    client = client_of(request)
    given = query(request, "purpose", "limit", "order", "after")
    order = given.get("order", "desc")
    if order not in ("asc", "desc"):
        raise RequestError(f"order: must be asc or desc, not {order[:80]!r}.", field="order")
    purpose, ascending = given.get("purpose"), order == "asc"
    if purpose not in (None, *_PURPOSES):
        await client.tenant  # which checks the key
        return JSONResponse(await page(given, listed([]), limit=_MOST_FILES, most=_MOST_FILES))

    async def files(after: str, number: int) -> AsyncGenerator[dict[str, Any]]:
        begin = (await client.get_dataset(await _name(client, after))).create_time if after else None
        conditions = [from_moment(begin, ascending=ascending)]
        if purpose is not None:
            conditions.append(f"unlabelled = {'true' if purpose == _UNLABELLED else 'false'}")
        datasets = client.stream_datasets(
            filter=" AND ".join(filter(None, conditions)),
            order_by="create_time" if ascending else "create_time desc",
            page_size=number,
        )
        async with aclosing(datasets):
            async for dataset in datasets:
                yield file_object(dataset)

    return JSONResponse(await page(given, files, limit=_MOST_FILES, most=_MOST_FILES))


async def retrieve_file(request: Request) -> Response:
    """Return one file without its content."""
    client = client_of(request)
    return JSONResponse(file_object(await client.get_dataset(await _name(client, request.path_params["file"]))))


async def delete_file(request: Request) -> Response:
    """Delete a dataset. Models that were tuned on it stay."""
    client = client_of(request)
    await client.delete_dataset(await _name(client, request.path_params["file"]))
    return JSONResponse({"id": request.path_params["file"], "object": "file", "deleted": True})


async def file_content(request: Request) -> Response:
    """Return the rows of a dataset as JSONL of `prompt` and `completion`, which can be uploaded again."""
    client = client_of(request)
    return PacedResponse(_content(client, await _name(client, request.path_params["file"])), "application/jsonl")


def file_object(dataset: Dataset) -> dict[str, Any]:
    """Return OpenAI's form of a dataset."""
    return {
        "id": f"{FILE_PREFIX}{last_part(dataset.name)}",
        "object": "file",
        "bytes": dataset.byte_size,
        "created_at": int(dataset.create_time.timestamp()) if dataset.create_time is not None else 0,
        "filename": dataset.display_name,
        "purpose": _UNLABELLED if dataset.unlabelled else _PURPOSE,
        "status": "processed",
    }


async def _name(client: AsyncClient, id: str) -> str:
    return await resource_name(client, "datasets", id, FILE_PREFIX)


async def _content(client: AsyncClient, name: str) -> AsyncGenerator[bytes]:
    part = bytearray()
    async with aclosing(client.stream_dataset_rows(name)) as rows:
        async for row in rows:
            part += json.dumps({"prompt": row.input, "completion": row.output}, ensure_ascii=False).encode() + b"\n"
            if len(part) >= _PART_BYTES:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


async def _check_others(client: AsyncClient, rows: Path, faults: RowFaults) -> None:
    """Add the faults of the rows that could be converted."""
    try:
        faults.add_report(await client.check_dataset(rows))
    except InvalidArgumentError:  # there are no other rows
        return


def _file(form: FormData) -> UploadFile:
    """Return the file of a form.

    Raises:
        RequestError: It is missing, or another field cannot be honoured. The error names the field.
    """
    for name, value in form.multi_items():
        if name == "purpose":
            if value != _PURPOSE:
                raise RequestError(
                    f"purpose: must be {_PURPOSE}; files of other purposes cannot be honoured.", field="purpose"
                )
        elif name != "file":
            raise RequestError(
                f"{name[:80]}: cannot be honoured: this service has no such parameter. Leave it out.",
                reason="PARAMETER_UNSUPPORTED",
                field=name[:80],
            )
    if "purpose" not in form:
        raise RequestError(f"purpose: must be set, to {_PURPOSE}.", field="purpose")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise RequestError("file: must be a file.", field="file")
    return file
