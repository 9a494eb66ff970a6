"""Files of the fine-tuning API of OpenAI."""

from __future__ import annotations

import json

import openai

from factories.api import make_file

INSTRUCTION = "Name the department."


def labelled_rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in make_file().splitlines()]


def jsonl(*items: object) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


FORM = "multipart/form-data; boundary=end"


def form(*fields: tuple[str, bytes]) -> bytes:
    """Return a form whose fields have names that may end in further parameters."""
    head = '--end\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
    return b"".join(head.format(name).encode() + value + b"\r\n" for name, value in fields) + b"--end--\r\n"


def chat_file() -> bytes:
    """Return 30 labelled rows as chats."""
    return jsonl(
        *(
            {
                "messages": [
                    {"role": "system", "content": INSTRUCTION},
                    {"role": "user", "content": row["input"]},
                    {"role": "assistant", "content": row["output"]},
                ]
            }
            for row in labelled_rows()
        )
    )


def prompt_file() -> bytes:
    """Return 30 labelled rows as prompts and completions."""
    return jsonl(*({"prompt": row["input"], "completion": row["output"]} for row in labelled_rows()))


def upload(ai: openai.OpenAI, content: bytes, name: str = "complaints.jsonl") -> openai.types.FileObject:
    return ai.files.create(file=(name, content), purpose="fine-tune")
