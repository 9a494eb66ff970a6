"""Conversion of JSON objects into rows or their faults."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn

from foreword.data.columns import COLUMNS, Columns, is_chat, read_chat
from foreword.data.other_fields import Number
from foreword.data.record import (
    MAX_NAMED_KEYS,
    check_text,
    decode,
    example,
    fault,
    more_keys,
    only_used,
    row_with_others,
)
from foreword.domain.dataset import Row
from foreword.domain.labels.packing import DEFAULT_SEPARATOR
from foreword.domain.report import Finding, Severity, excerpt

_LABEL_STUDIO: Final = ({"data", "annotations"}, {"annotation_id", "annotator"})
"""Keys of the tasks in an export, as JSON and as JSON-MIN."""


class _Object(dict[str, Any]):
    """A JSON object with the columns that it repeats."""

    repeated: Collection[str] = ()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> _Object:
        made = cls(pairs)
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            made.repeated = {key for key, count in counts.items() if count > 1}
        return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_Object.of
)
_PLAIN_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)
"""It is faster than the other one, but does not tell which keys are repeated."""


class RowParser:
    """A parser of the JSON objects of one file.

    Args:
        columns: A row without an output has an empty one.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._names = columns.names
        self._remarked: set[str] = set()

    def parse(self, raw: bytes, number: int) -> Iterable[Row | Finding]:
        """Read one JSON object and return its faults and, unless one of them is an error, its row."""
        # Almost all objects have only the texts that are looked for. With two quotation marks for each key and each of
        # these texts, and no others, no key is repeated.
        names = self._names
        few = raw.count(b'"') == 4 * len(names)
        try:
            text = raw.decode()
            value, end = (_PLAIN_DECODER if few else _DECODER).raw_decode(text)
        except (ValueError, RecursionError):
            return self._parse(raw, number)
        if end < len(text) or not isinstance(value, dict):
            return self._parse(raw, number)
        if len(value) == len(names) and not (isinstance(value, _Object) and value.repeated):
            input = value.get(names[0])
            output = value.get(names[1]) if len(names) > 1 else ""
            # Only an escape can stand for a character that cannot be stored.
            if type(input) is str and type(output) is str and b"\\u" not in raw:
                return (Row(number=number, input=input, output=output),)
        return self._read(value, number) if isinstance(value, _Object) else self._parse(raw, number)

    def _parse(self, raw: bytes, number: int) -> Iterator[Row | Finding]:
        text = decode(raw, number)
        if isinstance(text, Finding):
            yield text
            return
        value = self._load(text, number)
        if isinstance(value, str) and value.lstrip()[:1] == "{":
            yield from self._remark(
                "ENCODED_TWICE",
                "Rows are JSON texts that hold JSON; they are decoded twice.",
                "Write each object once, without quotes around it.",
            )
            value = self._load(value, number)
        if isinstance(value, Finding):
            yield value
        elif isinstance(value, _Object):
            yield from self._read(value, number)
        else:
            remedy = f"Write it as {example(self._columns.names)}."
            yield fault("NOT_AN_OBJECT", "The row is not a JSON object.", remedy, number=number, text=text)

    def _load(self, text: str, number: int) -> Any:
        """Return the value of a JSON text; a finding if it is not JSON."""
        try:
            return _DECODER.decode(text)
        except json.JSONDecodeError as error:
            return fault(
                "NOT_JSON",
                f"The row is not JSON: {error.msg} at character {error.pos + 1}.",
                _json_remedy(text, self._columns.names),
                number=number,
                text=text,
            )
        except ValueError as error:
            return fault("NOT_JSON", f"The row is not JSON: {error}.", "Put it in quotes.", number=number, text=text)
        except RecursionError:
            remedy = f"Write it as {example(self._columns.names)}."
            return fault("NOT_JSON", "The row is nested too deeply.", remedy, number=number, text=text)

    def _remark(self, code: str, message: str, remedy: str) -> Iterator[Finding]:
        """Yield a remark about the file, once."""
        if message not in self._remarked:
            self._remarked.add(message)
            yield fault(code, message, remedy, severity=Severity.INFO)

    def _read(self, value: _Object, number: int) -> Iterator[Row | Finding]:
        """Yield the row of an object, or its faults."""
        columns = self._columns
        names = columns.find(value)
        if any(name not in value for name in names):
            chat = None if columns.are_set else read_chat(value, columns.required)
            if chat is not None:
                column, input, output = chat
                yield from self._remark(
                    "CHAT_READ",
                    f"The last message of {column!r} is read as the output and those before it as the input.",
                    "Write input and output if they should be others.",
                )
                names, value = COLUMNS, _Object({"input": input, "output": output})
            elif columns.required == COLUMNS and not columns.are_set and is_chat(value):
                yield fault(
                    "CHAT_NOT_READ",
                    "The messages cannot be read as an input and its output.",
                    "Write texts as their content, turns of user and assistant, and the answer of the assistant as the "
                    "last one; or write input and output.",
                    number=number,
                )
                return
            elif any(value.keys() >= keys for keys in _LABEL_STUDIO):
                yield fault(
                    "LABEL_STUDIO_TASK",
                    "The row is a task of Label Studio.",
                    "Convert the JSON export with `foreword data convert export.json rows.jsonl` and use the result.",
                    number=number,
                )
                return
        elif tuple(names) != tuple(columns.names):
            yield from self._remark(*read_as(names))
        yield from self._read_columns(value, number, names)

    def _read_columns(self, value: _Object, number: int, names: Sequence[str]) -> Iterator[Row | Finding]:
        """Yield the row of an object whose texts have these names, or its faults."""
        columns = self._columns
        unknown = [key for key in value if key not in names]
        usable = True
        for column, name in zip(columns.required, names, strict=True):
            if name in value.repeated:
                usable = False
                yield fault(
                    "REPEATED_KEY", f"Key {name!r} occurs twice.", "Remove one of them.", number=number, column=column
                )
            if name not in value:
                usable = False
                yield _missing(column, name, unknown, number, names)
                continue
            wrong = _check_value(column, value[name], number)
            if wrong is not None:
                usable = usable and wrong.severity is not Severity.ERROR
                yield wrong
        if not usable:
            return
        texts = {column: _text(value[name]) for column, name in zip(columns.required, names, strict=True)}
        if columns.keep_others:
            others = {f"original_{key}" if key in columns.required else key: value[key] for key in unknown}
            yield from row_with_others(number, texts, others)
            return
        for key in unknown[:MAX_NAMED_KEYS]:
            yield fault(
                "UNKNOWN_KEY",
                f"Key {excerpt(key)!r} is unknown and is ignored.",
                f"Remove the key; {only_used(names)}.",
                number=number,
                text=key,
                severity=Severity.WARNING,
            )
        if len(unknown) > MAX_NAMED_KEYS:
            yield more_keys(len(unknown) - MAX_NAMED_KEYS, "keys", number)
        yield Row(number=number, input=texts["input"], output=texts.get("output", ""))


def read_as(names: Sequence[str]) -> tuple[str, str, str]:
    """Return the code, the message and the remedy of the remark that columns with other names are read."""
    pairs = " and ".join(f"{excerpt(name)!r} as {column}" for name, column in zip(names, COLUMNS, strict=False))
    return (
        "COLUMNS_READ",
        f"The file has no input and output; {pairs} {'is' if len(names) == 1 else 'are'} read instead."
        if len(names) > 1
        else f"The file has no input; {pairs} is read instead.",
        "Set `input_column` and `output_column` if the texts are in others.",
    )


def _json_remedy(text: str, columns: Sequence[str]) -> str:
    """Return the remedy for the most common cause of a text that is not JSON."""
    start = text.lstrip()
    if start.startswith(("{'", "{ '")):
        return "Put keys and texts in double quotes; JSON does not allow single quotes."
    if start.startswith(("{\N{LEFT DOUBLE QUOTATION MARK}", "{\N{RIGHT DOUBLE QUOTATION MARK}")):
        return 'Replace the typographic quotes by straight double quotes (").'
    return f"Write each row as one complete object: {example(columns)}."


def _missing(column: str, name: str, unknown: list[str], number: int, columns: Sequence[str]) -> Finding:
    """Return the finding for a missing key, with a remedy that names the key that was probably meant."""
    likely = [key for key in unknown if key.strip().lower() == name.lower()]
    if likely:
        remedy = f"Rename {excerpt(likely[0])!r} to {name!r}; case and spaces matter."
    elif unknown:
        found = ", ".join(repr(excerpt(key)) for key in unknown[:5])
        remedy = f"Add it, or rename one of the keys found: {found}."
    else:
        remedy = f"Write the row as {example(columns)}."
    return fault("MISSING_KEY", f"Key {excerpt(name)!r} is missing.", remedy, number=number, column=column)


def _check_value(column: str, value: object, number: int) -> Finding | None:
    """Return the finding for a value that is not a valid text; None if it is valid."""
    if isinstance(value, Number):
        return fault(
            "NUMBER_AS_TEXT",
            f"Numbers in {column} are read as text, exactly as written.",
            "Put them in quotes to avoid this remark.",
            number=number,
            column=column,
            text=value,
            severity=Severity.INFO,
        )
    if isinstance(value, str):
        return check_text(column, value, number)
    if column == "output" and _is_label_list(value):
        return check_text(column, _text(value), number) or fault(
            "LIST_AS_LABELS",
            f"Lists in {column} are read as labels, separated by {DEFAULT_SEPARATOR!r}.",
            f"Write one text to avoid this remark: {_text(value)!r}.",
            number=number,
            column=column,
            text=_text(value),
            severity=Severity.INFO,
        )
    shown = json.dumps(value, ensure_ascii=True)
    if value is None:
        name, remedy = "null", "Replace it by a text, or remove the row."
    elif isinstance(value, bool):
        name, remedy = "true or false without quotes", f'Write it in quotes: "{shown}".'
    elif isinstance(value, list):
        name, remedy = "a list", 'Write one text; separate several labels by commas: "Warehouse, Packaging".'
    else:
        name, remedy = "an object", "Write it as one text."
    return fault("NOT_TEXT", f"The {column} is {name}, not a text.", remedy, number=number, column=column, text=shown)


def _is_label_list(value: object) -> bool:
    """Return whether a value is a list of texts that a comma can separate."""
    mark = DEFAULT_SEPARATOR.strip()
    return (
        isinstance(value, list) and bool(value) and all(type(item) is str and item.strip() for item in value)
    ) and not any(mark in item for item in value)


def _text(value: object) -> str:
    return DEFAULT_SEPARATOR.join(value) if isinstance(value, list) else str(value)
