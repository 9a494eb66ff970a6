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
from foreword.http.callers import client_of
from foreword.http.disconnects import answered
from foreword.http.errors import RequestError
from foreword.http.event_stream import PacedResponse
from foreword.http.openai.paging import idempotency_key, last_part, page, query, resource_name
from foreword.http.openai.tuning.training_rows import convert_rows
from foreword.http.uploads import uploaded_form

FILE_PREFIX: Final = "file-"
_PURPOSE: Final = "fine-tune"
_MAX_NAME: Final = 200
_PART_BYTES: Final = 64 * 2**10


async def create_file(request: Request) -> Response:
    """Check and store a file of training rows."""
    client, key = client_of(request), idempotency_key(request)
    async with uploaded_form(request, request.app.state.settings.max_dataset_bytes) as form:
        upload = _file(form)
        with tempfile.NamedTemporaryFile(prefix="foreword-") as rows:
            await asyncio.to_thread(convert_rows, upload.file, rows)
            await asyncio.to_thread(rows.flush)
            name = Path(upload.filename or "").name[:_MAX_NAME] or "file"
            stored = client.upload_dataset(Path(rows.name), display_name=name, request_id=key)
            dataset = await answered(request, stored)
    return JSONResponse(file_object(dataset))


async def list_files(request: Request) -> Response:
    """List the datasets of the caller's tenant."""
    client = client_of(request)
    given = query(request, "purpose", "limit", "order", "after")
    order = given.get("order", "desc")
    if order not in ("asc", "desc"):
        raise RequestError(f"order: must be asc or desc, not {order[:80]!r}.", field="order")
    datasets = await client.list_datasets(order_by="create_time" if order == "asc" else "create_time desc")
    files = [file_object(dataset) for dataset in datasets]
    purpose = given.get("purpose")
    kept = [file for file in files if purpose in (None, file["purpose"])]
    return JSONResponse(page(given, kept, limit=10_000, most=10_000))


async def retrieve_file(request: Request) -> Response:
    """Return one file without its content."""
    client = client_of(request)
    return JSONResponse(file_object(await client.get_dataset(await _name(client, request))))


async def delete_file(request: Request) -> Response:
    """Delete a dataset. Models that were tuned on it stay."""
    client = client_of(request)
    await client.delete_dataset(await _name(client, request))
    return JSONResponse({"id": request.path_params["file"], "object": "file", "deleted": True})


async def file_content(request: Request) -> Response:
    """Return the rows of a dataset as JSONL of `prompt` and `completion`, which can be uploaded again."""
    client = client_of(request)
    return PacedResponse(_content(client, await _name(client, request)), "application/jsonl")


def file_object(dataset: Dataset) -> dict[str, Any]:
    """Return OpenAI's form of a dataset."""
    return {
        "id": f"{FILE_PREFIX}{last_part(dataset.name)}",
        "object": "file",
        "bytes": dataset.byte_size,
        "created_at": int(dataset.create_time.timestamp()) if dataset.create_time is not None else 0,
        "filename": dataset.display_name,
        "purpose": "batch" if dataset.unlabelled else _PURPOSE,
        "status": "processed",
    }


async def _name(client: AsyncClient, request: Request) -> str:
    return await resource_name(client, "datasets", request.path_params["file"], FILE_PREFIX)


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
