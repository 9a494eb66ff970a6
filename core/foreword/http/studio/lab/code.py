"""The request of a column as code, with everything in it quoted for its language."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from foreword.client import StructuredPrompt
from foreword.client.prompt_variables import fill_variables, filled_length
from foreword.http.studio.lab.answers import Question
from foreword.http.studio.lab.parameters import Values, classify_keywords

_KEY: Final = "$FOREWORD_API_KEY"
_CLI_NAMES: Final = {"random_seed": "seed", "stop_sequences": "stop"}
_OPENAI_NAMES: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "random_seed": "seed",
    "max_new_tokens": "max_tokens",
    "stop_sequences": "stop",
}
_DEFAULTS: Final = StructuredPrompt(input="")
_CLASSIFY_ONLY: Final = ("threshold", "min_precision")


def snippets(question: Question, endpoint: str, http_endpoint: str) -> list[tuple[str, str]]:
    """Return pairs of a language and code that sends the request of a column.

    Check `filled_prompt_length` first: a value can occur in many places.

    Args:
        endpoint: Address of the service; it begins with `https://` if it is encrypted.
        http_endpoint: Address of its HTTP interface.
    """
    return [
        ("Python", _python(question, endpoint)),
        ("Command line", _command(question)),
        ("curl, OpenAI’s shape", _curl(question, http_endpoint)),
        ("grpcurl", _grpcurl(question, endpoint)),
    ]


def filled_prompt_length(question: Question) -> int:
    """Return the length in characters of the prompt with its variables in place, without building it."""
    length = partial(filled_length, variables=question.variables or {})
    return length(question.prompt) if isinstance(question.prompt, str) else question.prompt.composed_length(length)


def _python(question: Question, endpoint: str) -> str:
    arguments = [repr(question.model.name), _python_saved(question) or "prompt"]
    if question.variables and not question.saved:
        arguments.append(f"prompt_variables={question.variables!r}")
    closed = question.model.closed
    if closed:
        arguments += [f"{name}={value!r}" for name, value in classify_keywords(question.values).items()]
    else:
        arguments += _python_parameters(question.values)
    call = ",\n        ".join(arguments)
    method, shown = ("classify", "answer.labels, answer.label_probabilities") if closed else ("generate", "answer.text")
    prompt = [] if question.saved else [*_python_prompt(question.prompt), ""]
    body = "\n".join([*prompt, call])
    used = [name for name in ("LengthPenalty", "PromptExample", "StructuredPrompt") if f"{name}(" in body]
    lines = [
        "import os",
        *(["from datetime import timedelta"] if not closed and "time_limit" in question.values else []),
        "",
        f"from foreword.client import {', '.join(['Client', *used])}",
        "",
        *prompt,
        f'with Client({endpoint!r}, os.environ["FOREWORD_API_KEY"]) as client:',
        *_python_load(question),
        f"    answer = client.{method}(\n        {call},\n    )",
        f"    print({shown})",
    ]
    return "\n".join(lines)


def _python_load(question: Question) -> list[str]:
    """Return the line that loads a saved prompt, if there is one."""
    name, _, number = question.saved.partition("@")
    return [f"    saved = client.get_saved_prompt({name!r}, {number}).version"] if question.saved else []


def _python_saved(question: Question) -> str:
    """Return the saved prompt with its variables and its input; empty for another one."""
    if not question.saved:
        return ""
    variables, text = _saved_parts(question)
    arguments = [repr(variables)] if variables else []
    return f"saved.filled({', '.join([*arguments, *([] if text is None else [f'input={text!r}'])])})"


def _saved_parts(question: Question) -> tuple[dict[str, str], str | None]:
    """Return the variables of a saved prompt, and its input; None if it has no place for one."""
    variables = dict(question.variables or {})
    if isinstance(question.prompt, StructuredPrompt):
        return variables, question.prompt.input
    return variables, variables.pop("input", None)


def _python_prompt(prompt: str | StructuredPrompt) -> list[str]:
    if isinstance(prompt, str) or _is_bare(prompt):
        return [f"prompt = {(prompt if isinstance(prompt, str) else prompt.input)!r}"]
    lines = ["prompt = StructuredPrompt("]
    if prompt.instruction:
        lines.append(f"    instruction={prompt.instruction!r},")
    if prompt.examples:
        lines.append("    examples=(")
        lines += [f"        PromptExample(input={item.input!r}, output={item.output!r})," for item in prompt.examples]
        lines.append("    ),")
    lines.append(f"    input={prompt.input!r},")
    lines += [f"    {name}={value!r}," for name, value in _prefixes(prompt).items()]
    return [*lines, ")"]


def _python_parameters(values: Values) -> list[str]:
    found = []
    for name, value in values.items():
        if name in _CLASSIFY_ONLY or name == "length_penalty.start_index":
            continue
        if name == "time_limit":
            found.append(f"time_limit=timedelta(seconds={value!r})")
        elif name == "length_penalty.decay_factor":
            start = values.get("length_penalty.start_index", 0)
            found.append(f"length_penalty=LengthPenalty(decay_factor={value!r}, start_index={start!r})")
        else:
            found.append(f"{name}={value!r}")
    return found


def _command(question: Question) -> str:
    prompt = (
        question.prompt if isinstance(question.prompt, StructuredPrompt) else StructuredPrompt(input=question.prompt)
    )
    closed = question.model.closed
    parts = ["foreword classify" if closed else "foreword generate"]
    if question.saved:
        variables, text = _saved_parts(question)
        parts.append(f"--prompt {question.saved}")
    else:
        variables, text = dict(question.variables or {}), prompt.input
        parts += [f"--instruction {shlex.quote(prompt.instruction)}"] if prompt.instruction else []
        parts += [f"--example {shlex.quote(item.input)} {shlex.quote(item.output)}" for item in prompt.examples]
    parts += [f"--variable {name} {shlex.quote(value)}" for name, value in variables.items()]
    given = classify_keywords(question.values) if closed else question.values
    for name, value in given.items():
        parts += [] if name in _CLASSIFY_ONLY and not closed else _options(name, value)
    # `--` ends the options, so that a text may begin with a dash.
    parts.append(shlex.join(["--", question.model.name, *([] if text is None else [text])]))
    code = " \\\n  ".join(parts)
    if not question.saved and not _is_bare(prompt) and _prefixes(prompt):
        return f"# The command line has the prefixes 'Input: ' and 'Output: ' only.\n{code}"
    return code


def _options(name: str, value: Any) -> list[str]:
    if name == "decoding_method":
        return ["--sample"] if value == "sample" else []
    option = _CLI_NAMES.get(name, name.rpartition(".")[2].replace("_", "-"))
    if isinstance(value, bool):
        return [f"--{option}"] if value else []
    if isinstance(value, list):
        return [f"--{option} {shlex.quote(item)}" for item in value]
    return [f"--{option} {value}"]


def _curl(question: Question, http_endpoint: str) -> str:
    prompt, values = question.prompt, question.values
    left_out = []
    body: dict[str, Any] = {"model": question.model.name}
    if isinstance(prompt, str) or _is_bare(prompt):
        path = "completions"
        body["prompt"] = _filled(prompt if isinstance(prompt, str) else prompt.input, question.variables)
    else:
        path = "chat/completions"
        body["messages"] = _messages(prompt, question.variables)
        if _prefixes(prompt):
            left_out.append("the prefixes")
    body |= {_OPENAI_NAMES[name]: value for name, value in values.items() if name in _OPENAI_NAMES}
    samples = values.get("decoding_method") == "sample"
    if samples:
        body.setdefault("temperature", 1)
    else:
        body.pop("temperature", None)
        body.pop("top_p", None)
    left_out += [name for name in values if name not in (*_OPENAI_NAMES, "decoding_method")]
    note = f"# OpenAI's shape has no place for {', '.join(left_out)}.\n" if left_out else ""
    return (
        f"{note}curl {shlex.quote(f'{http_endpoint}/v1/{path}')} \\\n"
        f'  -H "Authorization: Bearer {_KEY}" -H "Content-Type: application/json" \\\n'
        f"  -d {_json(body)}"
    )


def _messages(prompt: StructuredPrompt, variables: Mapping[str, str] | None) -> list[dict[str, str]]:
    found = []
    if prompt.instruction:
        found.append({"role": "system", "content": prompt.instruction})
    for item in prompt.examples:
        found += [{"role": "user", "content": item.input}, {"role": "assistant", "content": item.output}]
    found.append({"role": "user", "content": prompt.input})
    return [{**message, "content": _filled(message["content"], variables)} for message in found]


def _grpcurl(question: Question, endpoint: str) -> str:
    prompt, closed = question.prompt, question.model.closed
    body: dict[str, Any] = {"model": question.model.name}
    if isinstance(prompt, str) or _is_bare(prompt):
        body["text"] = prompt if isinstance(prompt, str) else prompt.input
    else:
        examples = [{"input": item.input, "output": item.output} for item in prompt.examples]
        parts = {"instruction": prompt.instruction, "examples": examples, "input": prompt.input, **_prefixes(prompt)}
        body["structured"] = {
            name: value for name, value in parts.items() if value or name in ("input_prefix", "output_prefix")
        }
    if question.variables:
        body["prompt_variables"] = question.variables
    if closed:
        body |= classify_keywords(question.values)
    elif parameters := _proto_parameters(question.values):
        body["parameters"] = parameters
    plain = "" if endpoint.startswith("https://") else "-plaintext "
    address = shlex.quote(endpoint.removeprefix("https://"))
    method = "Classify" if closed else "Generate"

    def call(request: Mapping[str, Any], rpc: str) -> str:
        return (
            f'grpcurl {plain}-H "authorization: Bearer {_KEY}" \\\n'
            f"  -d {_json(request)} \\\n"
            f"  {address} foreword.v1.{rpc}"
        )

    asked = call(body, f"InferenceService/{method}")
    if not question.saved:
        return asked
    name, _, number = question.saved.partition("@")
    version = {"name": f"tenants/{question.tenant}/savedPrompts/{name}", "version": int(number)}
    loads = call(version, "SavedPromptService/GetSavedPrompt")
    return f"# The saved prompt, of which the request below is made with its input and variables.\n{loads}\n\n{asked}"


def _proto_parameters(values: Values) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        whole, _, part = name.rpartition(".")
        if name in _CLASSIFY_ONLY:
            continue
        if name == "decoding_method":
            found[name] = f"DECODING_METHOD_{value.upper()}"
        elif name == "time_limit":
            found[name] = f"{value:.9f}".rstrip("0").rstrip(".") + "s"
        elif whole:
            found.setdefault(whole, {})[part] = value
        else:
            found[name] = value
    return found


def _json(body: Mapping[str, Any]) -> str:
    return shlex.quote(json.dumps(body, ensure_ascii=False))


def _is_bare(prompt: StructuredPrompt) -> bool:
    return not prompt.instruction and not prompt.examples


def _prefixes(prompt: StructuredPrompt) -> dict[str, str]:
    """Return the prefixes that are not the service's."""
    return {
        name: getattr(prompt, name)
        for name in ("input_prefix", "output_prefix")
        if getattr(prompt, name) != getattr(_DEFAULTS, name)
    }


def _filled(text: str, variables: Mapping[str, str] | None) -> str:
    """Return a text with its variables replaced, for an interface that has none."""
    return fill_variables(text, variables or {})
