"""What callers pass to messages of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from google.protobuf import struct_pb2

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.inference import StructuredPrompt
from foreword.domain.parameters import TuneParameters
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


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(dict(values))
    return message


def tune_parameters(parameters: TuneParameters) -> tune_parameters_pb2.TuneParameters:
    """Tuning parameters; None stays unset."""
    values = {
        item.name: getattr(parameters, item.name)
        for item in fields(TuneParameters)
        if item.name != "method_parameters" and getattr(parameters, item.name) is not None
    }
    try:
        message = tune_parameters_pb2.TuneParameters(**values)
    except (TypeError, ValueError) as error:  # text for a number, or a number beyond its field
        raise InvalidArgumentError.of("tune_experiment.parameters", str(error)) from None
    if parameters.method_parameters:
        message.method_parameters.CopyFrom(_struct(parameters.method_parameters))
    return message


def task_options(options: TaskOptions) -> tune_parameters_pb2.TaskOptions:
    """Task options; None stays unset."""
    message = tune_parameters_pb2.TaskOptions(
        labels=options.labels, multi_label=options.multi_label, separator=options.separator
    )
    if options.extra:
        message.extra.CopyFrom(_struct(options.extra))
    return message


def prompt(value: Prompt) -> PromptFields:
    """The fields that carry a prompt."""
    if isinstance(value, str):
        return {"text": value}
    return {
        "structured": inference_pb2.StructuredPrompt(
            instruction=value.instruction,
            examples=[inference_pb2.PromptExample(input=item.input, output=item.output) for item in value.examples],
            input=value.input,
            input_prefix=value.input_prefix,
            output_prefix=value.output_prefix,
        )
    }


def generate_parameters(
    *,
    decoding_method: str,
    temperature: float | None,
    top_p: float | None,
    top_k: int | None,
    random_seed: int | None,
    min_new_tokens: int | None,
    max_new_tokens: int | None,
    stop_sequences: Sequence[str],
    include_stop_sequence: bool | None,
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
    try:
        return inference_pb2.GenerateParameters(
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
    except (TypeError, ValueError) as error:  # text for a number, or a number beyond its field
        raise InvalidArgumentError.of("parameters", str(error)) from None


def chunks(rows: Rows) -> Callable[[], Iterator[bytes]]:
    """A function that starts the bytes of the data anew, so that an upload can be repeated.

    Raises:
        InvalidArgumentError: The file cannot be read.
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
    except OSError as error:
        raise InvalidArgumentError.of(
            "rows", f"{path} cannot be read: {error.strerror}. Name a JSONL, JSON or CSV file."
        ) from error

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return read


def _jsonl(rows: Iterable[Row] | Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as JSONL. Nothing is checked here: the service names every fault by its row."""
    values = ({"input": row.input, "output": row.output} if isinstance(row, Row) else dict(row) for row in rows)
    return b"".join(json.dumps(value, ensure_ascii=False, default=_plain).encode() + b"\n" for value in values)


def _plain(value: Any) -> Any:
    """A number out of a NumPy array or a pandas frame as JSON can hold it."""
    if hasattr(value, "item"):
        return value.item()
    raise InvalidArgumentError.of("rows", f"a value is a {type(value).__name__}; write it as text")
