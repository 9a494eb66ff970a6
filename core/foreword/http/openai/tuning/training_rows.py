"""Training files of OpenAI as rows of the service.

A row of `messages` becomes the input that a chat with the same messages has, and its last message the output. A row of
`prompt` and `completion` becomes input and output. Other files are left to the service, which knows more forms.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from foreword.client import StructuredPrompt
from foreword.http.errors import RequestError
from foreword.http.openai.fields import Fields
from foreword.http.openai.prompts import message_text, parse_messages
from foreword.http.openai.tuning.row_faults import RowFaults
from foreword.http.structure import MAX_MARKS, has_too_many_marks

_MAX_ROW_BYTES: Final = 3 * 2**20 + 2**16
"""The service's rows of 1 MiB, with escapes, which take at most three times as much as the UTF-8 of their letters,
and the names of fields."""
_BOM: Final = b"\xef\xbb\xbf"

Row = tuple[str, str]


def convert_rows(source: IO[bytes], target: IO[bytes]) -> RowFaults:
    """Write the rows of a file as the service reads them, one line for each line. Blocks.

    Returns:
        The faults of rows that cannot be converted, which are written as empty lines.
    """
    source.seek(0)
    convert, columns = _conversion(source.readline(_MAX_ROW_BYTES))
    faults = RowFaults(columns)
    source.seek(0)
    if convert is None:
        shutil.copyfileobj(source, target)
        return faults
    number = 0
    while line := source.readline(_MAX_ROW_BYTES):
        number += 1
        try:
            target.write(_converted(line.removeprefix(_BOM) if number == 1 else line, convert))
        except RequestError as error:
            faults.add(number, error.message)
            target.write(b"\n")
            while len(line) == _MAX_ROW_BYTES and not line.endswith(b"\n"):  # the rest of the row
                line = source.readline(_MAX_ROW_BYTES)
    return faults


def _conversion(first: bytes) -> tuple[Callable[[dict[str, Any]], Row] | None, Mapping[str, str]]:
    """Return the conversion of rows like the first one, None if the service reads them itself, and its columns."""
    try:
        row = json.loads(first.removeprefix(_BOM)) if not has_too_many_marks(first) else None
    except (ValueError, RecursionError):
        return None, {}
    if not isinstance(row, dict):
        return None, {}
    if "messages" in row:
        return _chat_row, {"input": "messages", "output": "messages"}
    return (_prompt_row, {"input": "prompt", "output": "completion"}) if "prompt" in row else (None, {})


def _converted(line: bytes, convert: Callable[[dict[str, Any]], Row]) -> bytes:
    if not line.strip():
        return b"\n"
    if len(line) == _MAX_ROW_BYTES:
        raise RequestError(f"must hold at most {_MAX_ROW_BYTES:,} bytes.")
    if has_too_many_marks(line):
        raise RequestError(f"must have at most {MAX_MARKS:,} brackets, commas and colons outside of its texts.")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError("is not valid JSON.") from None
    if not isinstance(row, dict):
        raise RequestError("must be a JSON object.")
    given, answer = convert(row)
    stored = {"input": given, "output": answer}
    try:
        return json.dumps(stored, ensure_ascii=False).encode() + b"\n"  # escapes would treble the size of a file
    except UnicodeEncodeError:  # half of a surrogate pair, which the service reports with its row
        return json.dumps(stored).encode() + b"\n"


def _chat_row(row: dict[str, Any]) -> Row:
    fields = Fields(row)
    messages = fields.items("messages")
    for name in ("tools", "functions"):
        fields.only(name, ([],), "models of this service call no tools; leave it out")
    fields.only("parallel_tool_calls", (True, False), "models of this service call no tools; leave it out")
    fields.finish()
    if not messages or not isinstance(messages[-1], dict) or messages[-1].get("role") != "assistant":
        raise RequestError("messages: must end with a message of the role assistant, which is the answer to learn.")
    place = len(messages) - 1
    answer = Fields(messages[-1], f"messages[{place}].")
    answer.value("role")
    answer.only("weight", (1, 1.0), "the last answer is the one that is learned")
    answer.only("refusal", (), "refusals are not learned; leave it out")
    for name in ("tool_calls", "function_call"):
        answer.only(name, ([],), "models of this service call no tools; leave it out")
    output = message_text(answer.value("content"), f"messages[{place}].content")
    answer.finish()
    prompt = parse_messages([_unweighted(message, at) for at, message in enumerate(messages[:-1])])
    return (prompt.compose() if isinstance(prompt, StructuredPrompt) else prompt), output


def _unweighted(message: Any, place: int) -> Any:
    """Return a message before the last one, of which nothing is learned, without its weight of 0."""
    if not isinstance(message, dict) or "weight" not in message:
        return message
    Fields(message, f"messages[{place}].").only("weight", (0, 0.0), "only the last answer of a row is learned; set 0")
    return {name: value for name, value in message.items() if name != "weight"}


def _prompt_row(row: dict[str, Any]) -> Row:
    fields = Fields(row)
    given, answer = fields.text("prompt"), fields.text("completion")
    fields.finish()
    return given, answer
