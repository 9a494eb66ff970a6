"""Parquet files and folders of Hugging Face datasets, read and written with pyarrow, which is imported late."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from foreword.domain.report import excerpt
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.installation import install_command

_BATCH_ROWS: Final = 1000
_ARROW_FILE: Final = "data-00000-of-00001.arrow"


def table_records(path: Path, *, split: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, or of a folder that `datasets` or the Hugging Face hub has written.

    Classes that are stored as numbers become their names, and lists of texts or of classes are joined by `, `. Columns
    of bytes, such as pictures, are left out.

    Args:
        split: Split of a folder with several; empty for `train` or the only one.

    Raises:
        FailedPreconditionError: pyarrow is not installed.
        InvalidArgumentError: The folder has no rows, has no such split, or a file cannot be read.
    """
    files, features = _files(path, split)
    for file in files:
        for batch, metadata in _batches(file):
            names = _class_names(features or _features(metadata))
            for record in batch:
                yield {name: _value(value, names.get(name)) for name, value in record.items() if not _is_binary(value)}


def write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write rows of texts to a Parquet file, and return their number.

    Raises:
        FailedPreconditionError: pyarrow is not installed.
    """
    parquet = _pyarrow("pyarrow.parquet")
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        schema, count = _schema(columns), 0
        with parquet.ParquetWriter(part, schema) as writer:
            for batch in _written_batches(schema, rows):
                writer.write_batch(batch)
                count += batch.num_rows
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def write_dataset_folder(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write rows of texts to a new folder that `datasets.load_from_disk` reads, and return their number.

    Raises:
        FailedPreconditionError: pyarrow is not installed.
        FileExistsError: The folder exists.
    """
    pyarrow = _pyarrow("pyarrow")
    path.mkdir()
    schema, count = _schema(columns), 0
    with pyarrow.OSFile(str(path / _ARROW_FILE), "wb") as file, pyarrow.ipc.new_stream(file, schema) as writer:
        for batch in _written_batches(schema, rows):
            writer.write_batch(batch)
            count += batch.num_rows
    features = {name: {"dtype": "string", "_type": "Value"} for name in columns}
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    state: dict[str, Any] = {
        "_data_files": [{"filename": _ARROW_FILE}],
        "_fingerprint": uuid4().hex[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    for name, content in (("dataset_info.json", info), ("state.json", state)):
        (path / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return count


def _pyarrow(module: str) -> Any:
    """Import a module of pyarrow.

    Raises:
        FailedPreconditionError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise FailedPreconditionError(
            "Parquet files and folders of Hugging Face datasets need pyarrow. Install it with: "
            f"{install_command('parquet')}",
            reason="PYARROW_MISSING",
        ) from error


def _schema(columns: Sequence[str]) -> Any:
    pyarrow = _pyarrow("pyarrow")
    return pyarrow.schema([(name, pyarrow.string()) for name in columns])


def _written_batches(schema: Any, rows: Iterable[Sequence[str]]) -> Iterator[Any]:
    pyarrow = _pyarrow("pyarrow")
    pending: list[Sequence[str]] = []

    def batch() -> Any:
        columns = [list(column) for column in zip(*pending, strict=True)]
        return pyarrow.record_batch([pyarrow.array(column, pyarrow.string()) for column in columns], schema=schema)

    for row in rows:
        pending.append(row)
        if len(pending) == _BATCH_ROWS:
            yield batch()
            pending.clear()
    if pending:
        yield batch()


def _files(path: Path, split: str) -> tuple[Sequence[Path], Mapping[str, Any]]:
    """Return the files with the rows, and the features of the columns as far as a file beside them lists them."""
    if not path.is_dir():
        return (path,), {}
    if (path / "dataset_dict.json").is_file():
        splits = _read_json(path / "dataset_dict.json").get("splits")
        path = path / _chosen(split, [str(name) for name in splits] if isinstance(splits, list) else [], path)
    if (path / "state.json").is_file():
        listed = _read_json(path / "state.json").get("_data_files")
        info = path / "dataset_info.json"
        features = _read_json(info).get("features") if info.is_file() else None
        names = [item.get("filename") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        files = [path / Path(name).name for name in names if isinstance(name, str)]
        return files, features if isinstance(features, dict) else {}
    found = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    if not found:
        raise InvalidArgumentError.of(
            "file",
            f"{path} has neither Parquet files nor what `Dataset.save_to_disk` writes (state.json). Name the folder "
            "of the dataset itself, or of one split",
        )
    splits = sorted({item.name.partition("-")[0] for item in found if "-of-" in item.name})
    if len(splits) > 1 or split:
        name = _chosen(split, splits, path)
        found = [item for item in found if item.name.partition("-")[0] == name]
    return found, {}


def _chosen(split: str, splits: Sequence[str], path: Path) -> str:
    name = split or ("train" if "train" in splits else splits[0] if len(splits) == 1 else "")
    if name not in splits:
        problem = f"has no split {split!r}" if split else "has several splits, of which none is called train"
        raise InvalidArgumentError.of("split", f"{path} {problem}; its splits are: {', '.join(splits) or 'none'}")
    return name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArgumentError.of("file", f"{path} cannot be read: {error}. Save the dataset again") from error
    return value if isinstance(value, dict) else {}


def _batches(path: Path) -> Iterator[tuple[list[dict[str, Any]], Mapping[bytes, bytes]]]:
    """Yield the rows of a file, some at a time, with the metadata of its columns."""
    pyarrow = _pyarrow("pyarrow")
    try:
        if path.suffix.lower() == ".parquet":
            with _pyarrow("pyarrow.parquet").ParquetFile(path) as file:
                metadata = file.schema_arrow.metadata or {}
                for batch in file.iter_batches(_BATCH_ROWS):
                    yield batch.to_pylist(), metadata
            return
        with pyarrow.memory_map(str(path)) as source:
            try:
                reader = pyarrow.ipc.open_stream(source)
            except pyarrow.ArrowInvalid:  # the other form of Arrow files
                reader = pyarrow.ipc.open_file(source)
                batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
            else:
                batches = iter(reader)
            for large in batches:
                for start in range(0, large.num_rows, _BATCH_ROWS):
                    yield large.slice(start, _BATCH_ROWS).to_pylist(), reader.schema.metadata or {}
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        # A text that is not UTF-8 and a time that Python does not have are ValueErrors.
        why = excerpt(str(error)).rstrip(". ")
        raise InvalidArgumentError.of(
            "file", f"{path} cannot be read: {why}. Write it again, or copy it as a whole"
        ) from error


def _features(metadata: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    """Return the features that `datasets` writes into the metadata of a file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(features: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the names of the classes by column, also of columns of lists."""
    found: dict[str, Sequence[str]] = {}
    for column, feature in features.items():
        inner = feature[0] if isinstance(feature, list) and feature else feature
        while isinstance(inner, dict) and isinstance(inner.get("feature"), dict):
            inner = inner["feature"]
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and isinstance(inner.get("names"), list):
            found[column] = inner["names"]
    return found


def _value(value: Any, names: Sequence[str] | None) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, list):
        values = [_value(item, names) for item in value]
        return ", ".join(values) if values and all(isinstance(item, str) for item in values) else values
    if names is not None and isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else None  # -1 stands for a row without a label
    if isinstance(value, dict):
        return {key: _value(item, None) for key, item in value.items() if not _is_binary(item)}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _is_binary(value: Any) -> bool:
    """Return whether a value is bytes, or what pictures and sounds are: bytes with a path."""
    if isinstance(value, dict):
        return any(isinstance(item, bytes) for item in value.values())
    return isinstance(value, bytes)
