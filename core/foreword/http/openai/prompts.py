"""Chat messages as prompts of the service, the same way in training files and in requests.

The system message is the instruction, earlier pairs of user and assistant are the examples, and the last user message
is the input. A single user message is plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from foreword.client import PromptExample, StructuredPrompt
from foreword.http.errors import RequestError
from foreword.http.openai.fields import Fields

Prompt = str | StructuredPrompt

_MOST_MESSAGES: Final = 2_050
"""An instruction, the thousand examples that a prompt of the service may have, and the input."""
_INSTRUCTING: Final = ("system", "developer")
_NO_TOOLS: Final = "models of this service call no tools; leave it out"


def parse_messages(values: Sequence[Any], path: str = "messages") -> Prompt:
    """Return the prompt of a conversation.

    Args:
        values: The messages, as they are in JSON.
        path: Path of the list in the request.

    Raises:
        RequestError: The messages cannot be a prompt. The error names the message.
    """
    if not values:
        raise RequestError(f"{path}: must hold at least one message.", field=path)
    if len(values) > _MOST_MESSAGES:
        raise RequestError(f"{path}: must hold at most {_MOST_MESSAGES:,} messages, not {len(values):,}.", field=path)
    instructions: list[str] = []
    turns: list[tuple[str, str]] = []
    for place, value in enumerate(values):
        at = f"{path}[{place}]"
        role, text = _message(value, at)
        if role in _INSTRUCTING:
            if turns:
                raise _misplaced(at, "the instruction (system or developer) comes before all other messages")
            instructions.append(text)
            continue
        expected = ("user", "assistant")[len(turns) % 2]
        if role != expected:
            raise _misplaced(at, f"user and assistant take turns, beginning with user; the role {expected} is due here")
        if role == "user" and not text.strip():
            raise RequestError(f"{at}.content: must not be empty.", field=f"{at}.content")
        turns.append((role, text))
    if not turns or turns[-1][0] != "user":
        raise RequestError(f"{path}: must end with a message of the role user, which is the input.", field=path)
    texts = [text for _, text in turns]
    if len(texts) == 1 and not instructions:
        return texts[0]
    examples = tuple(
        PromptExample(input=question, output=answer) for question, answer in zip(texts[:-1:2], texts[1::2], strict=True)
    )
    return StructuredPrompt(instruction="\n\n".join(instructions), examples=examples, input=texts[-1])


def message_fields(prompt: Prompt, count: int) -> dict[str, str]:
    """Return the contents of messages by the fields of the service in which they are.

    Args:
        prompt: The prompt of a conversation.
        count: Number of the conversation's messages.
    """
    if isinstance(prompt, str):
        return {"text": "messages[0].content"}
    first = count - 1 - 2 * len(prompt.examples)
    fields = {"structured.input": f"messages[{count - 1}].content"}
    if first == 1:  # several are one instruction
        fields["structured.instruction"] = "messages[0].content"
    for example in range(len(prompt.examples)):
        for offset, part in enumerate(("input", "output")):
            fields[f"structured.examples[{example}].{part}"] = f"messages[{first + 2 * example + offset}].content"
    return fields


def message_text(value: Any, path: str) -> str:
    """Return the content of a message: a text, or a list of text parts.

    Raises:
        RequestError: It is something else.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RequestError(f"{path}: must be a string or a list of text parts.", field=path)
    texts = []
    for place, part in enumerate(value):
        at = f"{path}[{place}]"
        if not isinstance(part, dict):
            raise RequestError(f"{at}: must be an object.", field=at)
        fields = Fields(part, f"{at}.")
        fields.only("type", ("text",), "models of this service read text only")
        texts.append(fields.text("text"))
        fields.finish()
    return "".join(texts)


def _message(value: Any, path: str) -> tuple[str, str]:
    """Return the role and the text of a message."""
    if not isinstance(value, dict):
        raise RequestError(f"{path}: must be an object with role and content.", field=path)
    fields = Fields(value, f"{path}.")
    role = fields.text("role", required=True)
    if role not in (*_INSTRUCTING, "user", "assistant"):
        raise fields.fault("role", f"must be system, developer, user or assistant; {_NO_TOOLS}", role)
    for name in ("tool_calls", "function_call", "tool_call_id"):
        fields.only(name, ([],), _NO_TOOLS)
    fields.only("name", (), "prompts have no names of participants; leave it out")
    for name in ("refusal", "audio", "annotations", "reasoning_content"):  # null or empty in answers that are sent back
        fields.only(name, ([],), "models of this service read text only; leave it out")
    text = message_text(fields.value("content"), f"{path}.content")
    fields.finish()
    return role, text


def _misplaced(path: str, rule: str) -> RequestError:
    return RequestError(f"{path}.role: is not the one that is due: {rule}.", field=f"{path}.role")
