"""Tasks of Label Studio: its JSON export as records of rows, and rows as tasks to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from foreword.domain.counted import counted
from foreword.domain.report import excerpt
from foreword.errors import InvalidArgumentError

_CHUNK_CHARACTERS: Final = 1 << 18
_MAX_TASK_CHARACTERS: Final = 16 << 20
_HEAD_BYTES: Final = 1 << 21
_MOST_NAMED: Final = 10
_ABOUT: Final = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id")
_DECODER: Final = json.JSONDecoder()


def is_label_studio(path: Path) -> bool:
    """Return whether a file is an export of Label Studio (JSON or JSON-MIN), by its first task."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace").lstrip()
    if not head.startswith("["):
        return False
    # The first task may be longer than the head, so that it cannot be parsed.
    return ('"annotations"' in head and '"data"' in head) or ('"annotation_id"' in head and '"annotator"' in head)


def label_studio_records(
    path: Path, *, input_column: str, output_column: str, note: Callable[[str], object]
) -> Iterator[dict[str, Any] | None]:
    """Yield each task of an export as a record with an input, an output, and the other data of the task.

    The output is what annotators have chosen (choices and taxonomies, several joined by `, `) or written (text areas).
    Of several annotations, the one that is marked as ground truth counts, otherwise they must agree.

    Args:
        input_column: Key of `data` with the inputs; empty for its only text, or `text`.
        output_column: Name of the control whose result is the output; empty if there is only one.
        note: Called with a sentence about each of the first 10 tasks whose annotations differ, about the number of the
            other ones, and about the number of tasks without annotations.

    Yields:
        None for a task without an output.

    Raises:
        InvalidArgumentError: The file is not a JSON array of objects, or a task is too long.
    """
    unannotated = disputed = 0
    control = ""  # whose results JSON-MIN has as plain text
    for number, task in enumerate(_elements(path), 1):
        if "annotations" not in task and "completions" not in task:
            control = control or _plain_control(task)
            yield _minimal(task, control, input_column, output_column)
            continue
        given = task.get("annotations", task.get("completions"))
        annotations = [
            item
            for item in (given if isinstance(given, list) else ())
            if isinstance(item, dict) and not item.get("was_cancelled") and item.get("result")
        ]
        chosen = [item for item in annotations if item.get("ground_truth")] or annotations
        results = [_results(item["result"]) for item in chosen]
        if not results:
            unannotated += 1
            yield None
        elif any(result != results[0] for result in results):
            disputed += 1
            if disputed > _MOST_NAMED:
                yield None
                continue
            different = next(result for result in results if result != results[0])
            name = excerpt(str(task.get("id", number)))
            shown = " and ".join(repr(excerpt("; ".join(result.values()))) for result in (results[0], different))
            note(
                f"Task {name} is left out, because its annotations differ: {shown}. Mark the right "
                "one as ground truth in Label Studio and export again."
            )
            yield None
        else:
            data = task.get("data")
            yield _record(data if isinstance(data, dict) else {}, task, results[0], input_column, output_column)
    if disputed > _MOST_NAMED:
        others = counted(disputed - _MOST_NAMED, "other task")
        note(f"The annotations of {others} differ as well; there is no row for them.")
    if unannotated:
        note(f"{unannotated:,} {'task has' if unannotated == 1 else 'tasks have'} no annotation, and no row.")


def write_tasks(file: TextIO, rows: Iterator[tuple[str, Sequence[str], Mapping[str, Any]]]) -> int:
    """Write rows as tasks that Label Studio imports, with the labels as finished annotations; return their number.

    Its labelling interface needs `<Text name="text" value="$text"/>` and `<Choices name="label" toName="text">`.

    Args:
        rows: Input, labels and other fields of each row.
    """
    before, count = "[\n  ", 0
    for text, labels, others in rows:
        count += 1
        result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}
        task = {"data": {**others, "text": text}, "annotations": [{"result": [result]}]}
        file.write(before + json.dumps(task, ensure_ascii=False))
        before = ",\n  "
    file.write("\n]\n" if count else "[]\n")
    return count


def _elements(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the elements of a JSON array, with one of them in memory."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        buffer, place, ended = "", 0, False
        opened = False
        while True:
            while place < len(buffer) and (buffer[place].isspace() or (opened and buffer[place] == ",")):
                place += 1
            if place < len(buffer) and not opened:
                if buffer[place] != "[":
                    raise _broken(path, "it is not a JSON array")
                opened, place = True, place + 1
                continue
            if place < len(buffer) and buffer[place] == "]":
                return
            try:
                value, place = _DECODER.raw_decode(buffer, place)
            except (json.JSONDecodeError, RecursionError) as error:
                if ended or len(buffer) - place > _MAX_TASK_CHARACTERS or isinstance(error, RecursionError):
                    raise _broken(path, "it ends in a task or has one that is not JSON") from error
                more = file.read(max(_CHUNK_CHARACTERS, len(buffer) - place))
                ended = not more
                buffer, place = buffer[place:] + more, 0
                continue
            if not isinstance(value, dict):
                raise _broken(path, "it has an element that is not an object")
            yield value


def _broken(path: Path, why: str) -> InvalidArgumentError:
    return InvalidArgumentError.of(
        "file", f"{path.name} is not a whole export of Label Studio: {why}. Export the project again as JSON."
    )


def _results(results: Any) -> dict[str, str]:
    """Return the chosen labels or written text of each control of an annotation."""
    found: dict[str, list[str]] = {}
    for item in results if isinstance(results, list) else ():
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(value, dict):
            continue
        texts = value.get("choices") or value.get("text") if item.get("type") in ("choices", "textarea") else None
        if item.get("type") == "taxonomy":
            paths = value.get("taxonomy")
            texts = [path[-1] for path in (paths if isinstance(paths, list) else ()) if isinstance(path, list) and path]
        texts = [texts] if isinstance(texts, str) else texts
        if isinstance(texts, list) and texts:
            found.setdefault(str(item.get("from_name", "label")), []).extend(map(str, texts))
    return {name: ", ".join(texts) for name, texts in found.items()}


def _record(
    data: Mapping[str, Any], task: Mapping[str, Any], results: Mapping[str, str], input_column: str, output_column: str
) -> dict[str, Any]:
    """Return the data of a task with its results, under `input` and `output` where it is clear which they are."""
    record = dict(data)
    texts = [key for key, value in data.items() if isinstance(value, str)]
    key = texts[0] if len(texts) == 1 else "text"
    if not input_column and "input" not in record and key in record:
        record = {"input": record.pop(key), **record}
    if not output_column and len(results) == 1:
        record |= {"output": next(iter(results.values()))}
    else:
        record |= results
    return record if "id" not in task or "id" in record else {**record, "id": task["id"]}


def _plain_control(task: Mapping[str, Any]) -> str:
    """Return the name of the only control of the first task: `label`, or the last key. Results follow the data."""
    names = [name for name in task if name not in _ABOUT]
    return "label" if "label" in names else names[-1] if len(names) > 1 else ""


def _minimal(task: Mapping[str, Any], control: str, input_column: str, output_column: str) -> dict[str, Any]:
    """Return a task of the form JSON-MIN, in which results are beside the data.

    Args:
        control: Key of results that are plain texts; other tasks without it have no output.
    """
    chosen = {
        key: ", ".join(map(str, value["choices"]))
        for key, value in task.items()
        if isinstance(value, dict) and isinstance(value.get("choices"), list)
    }
    plain = {key: value for key, value in task.items() if key not in _ABOUT and key not in chosen}
    if not chosen and control in plain:
        chosen = {control: str(plain.pop(control))}
    return _record(plain, task, chosen, input_column, output_column)
