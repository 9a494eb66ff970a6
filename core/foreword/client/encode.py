"""What callers pass to messages of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from google.protobuf import struct_pb2

from foreword.client.message import build, text_problem
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.domain.prompt import StructuredPrompt
from foreword.errors import InvalidArgumentError
from foreword.v1 import inference_pb2, tune_parameters_pb2

CHUNK_BYTES = 256 * 1024

Rows = str | PathLike[str] | bytes | Iterable[Row] | Iterable[Mapping[str, Any]]
"""Training data: the path of a file, its bytes, or the rows themselves."""

Prompt = str | StructuredPrompt
"""What to answer: plain text, or a prompt in parts."""


class PromptFields(TypedDict, total=False):
    """The member of `oneof prompt` that is set."""

    text: str
    structured: inference_pb2.StructuredPrompt


def _struct(field: str, values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    try:
        message.update(dict(values))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidArgumentError.of(
            field, f"must map names to text, numbers, True or False, lists or mappings of these: {error}"
        ) from None
    return message


def tune_parameters(parameters: TuneParameters) -> tune_parameters_pb2.TuneParameters:
    """Tuning parameters; None stays unset."""
    values = {
        item.name: getattr(parameters, item.name)
        for item in fields(TuneParameters)
        if item.name != "method_parameters" and getattr(parameters, item.name) is not None
    }
    within = "tune_experiment.parameters"
    message = build(tune_parameters_pb2.TuneParameters, within, **values)
    if parameters.method_parameters:
        message.method_parameters.CopyFrom(_struct(f"{within}.method_parameters", parameters.method_parameters))
    return message


def task_options(options: TaskOptions) -> tune_parameters_pb2.TaskOptions:
    """Task options; None stays unset."""
    message = build(
        tune_parameters_pb2.TaskOptions,
        "task_options",
        labels=options.labels,
        multi_label=options.multi_label,
        separator=options.separator,
    )
    if options.extra:
        message.extra.CopyFrom(_struct("task_options.extra", options.extra))
    return message


def prompt(value: Prompt) -> PromptFields:
    """The fields that carry a prompt.

    Raises:
        InvalidArgumentError: It is neither text nor a StructuredPrompt, or holds what cannot be sent.
    """
    if isinstance(value, str):
        return {"text": value}
    if not isinstance(value, StructuredPrompt):
        raise InvalidArgumentError.of("prompt", f"must be text or a StructuredPrompt, not a {type(value).__name__}")
    return {
        "structured": build(
            inference_pb2.StructuredPrompt,
            "structured",
            instruction=value.instruction,
            examples=[
                build(
                    inference_pb2.PromptExample,
                    f"structured.examples[{place}]",
                    input=item.input,
                    output=item.output,
                )
                for place, item in enumerate(value.examples)
            ],
            input=value.input,
            input_prefix=value.input_prefix,
            output_prefix=value.output_prefix,
        )
    }


def generate_parameters(
    *,
    decoding_method: str = "greedy",
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    random_seed: int | None = None,
    min_new_tokens: int | None = None,
    max_new_tokens: int | None = None,
    stop_sequences: Sequence[str] = (),
    include_stop_sequence: bool | None = None,
) -> inference_pb2.GenerateParameters:
    """Generation parameters; None stays unset."""
    methods = {
        "greedy": inference_pb2.GenerateParameters.DECODING_METHOD_GREEDY,
        "sample": inference_pb2.GenerateParameters.DECODING_METHOD_SAMPLE,
    }
    if decoding_method not in methods:
        raise InvalidArgumentError.of(
            "parameters.decoding_method", f"must be greedy or sample, not {decoding_method!r}"
        )
    return build(
        inference_pb2.GenerateParameters,
        "parameters",
        decoding_method=methods[decoding_method],
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        random_seed=random_seed,
        min_new_tokens=min_new_tokens,
        max_new_tokens=max_new_tokens,
        stop_sequences=stop_sequences,
        include_stop_sequence=include_stop_sequence,
    )


def chunks(rows: Rows) -> Callable[[], Iterator[bytes]]:
    """A function that starts the bytes of the data anew, so that an upload can be repeated.

    Raises:
        InvalidArgumentError: The file cannot be read, or something is no row.
    """
    if isinstance(rows, (str, PathLike)):
        return _file_chunks(Path(rows))
    content = rows if isinstance(rows, bytes) else _jsonl(rows)
    return lambda: (content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES))


def display_name(rows: Rows) -> str:
    """A name for data that was given none: the file's, without its ending."""
    return Path(rows).stem if isinstance(rows, (str, PathLike)) else "dataset"


def _file_chunks(path: Path) -> Callable[[], Iterator[bytes]]:
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError.of(
            "rows", f"{path} cannot be read: {why}. Name a JSONL, JSON or CSV file."
        ) from error

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return read


def _jsonl(rows: Iterable[Row] | Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as JSONL. Their content is not checked here: the service names every fault by its row."""
    if not isinstance(rows, Iterable):
        raise InvalidArgumentError.of("rows", f"must be a path, bytes or rows, not a {type(rows).__name__}")
    return b"".join(_json_line(number, row) for number, row in enumerate(rows, start=1))


def _json_line(number: int, row: Any) -> bytes:
    value = {"input": row.input, "output": row.output} if isinstance(row, Row) else row
    if not isinstance(value, Mapping):
        raise InvalidArgumentError.of(
            f"rows[{number}]", f"must be a mapping with input and output, not a {type(row).__name__}"
        )
    try:
        text = json.dumps(dict(value), ensure_ascii=False, default=_plain)
        if text_problem(text):  # escaped it can be sent, and the service names the row
            text = json.dumps(dict(value), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError.of(f"rows[{number}]", f"cannot be written as JSON: {error}") from None
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    """A number out of a NumPy array or a pandas frame as JSON can hold it."""
    if hasattr(value, "item"):
        return value.item()
    raise InvalidArgumentError.of("rows", f"a value is a {type(value).__name__}; write it as text")
