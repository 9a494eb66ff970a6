"""Chat templates: the tokens that an instruct model expects around a user turn, the same in tuning and in serving.

A template is rendered once to find the tokens around a turn. Texts are inserted between them without being parsed, so
that a caller's `<|im_end|>` does not end the turn. The soft prompt precedes all of it, even the template's first token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foreword.errors import FailedPreconditionError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from foreword.domain.base_model import BaseModelSpec

_TURN: Final = "\ue000turn\ue000"
"""A placeholder for the user's text; no template contains characters of the private use area."""
_DAY: Final = {"%d": "26", "%m": "07", "%b": "Jul", "%B": "July", "%Y": "2024", "%y": "24"}
"""The fixed date for templates that contain one: a prompt must be the same in serving as in tuning."""
_CLOCK: Final = (
    "{% macro strftime_now(format) %}{{ format"
    + "".join(f".replace('{code}', '{value}')" for code, value in _DAY.items())
    + " }}{% endmacro %}{{ '' }}"
)
"""A prefix of a template that replaces transformers' own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFrame:
    """The template's tokens and characters around the text of a turn.

    Attributes:
        before: Token ids up to and including the last special token before the text.
        lead: Characters between that token and the text; they are tokenized together with it.
        trail: Characters after the text, up to the next special token.
        after: Token ids from that token to the beginning of the answer.
        strips: Whether the template removes white space around the text.
    """

    before: tuple[int, ...]
    lead: str
    trail: str
    after: tuple[int, ...]
    strips: bool

    def wrapped(self, text: str) -> str:
        """Return the text with the characters around it."""
        return f"{self.lead}{text.strip() if self.strips else text}{self.trail}"


def chat_frame(tokenizer: PreTrainedTokenizerBase, spec: BaseModelSpec) -> ChatFrame | None:
    """Return the frame of a user turn from the tokenizer's chat template, or None for a model with plain inputs.

    Call this function before other threads use the tokenizer.

    Raises:
        FailedPreconditionError: The tokenizer has no chat template, or the template cannot be used.
    """
    if not spec.chat_template:
        return None
    rendered = _render(tokenizer, spec, _TURN)
    if rendered.count(_TURN) != 1:
        raise _unusable(spec, f"it contains the user's text {rendered.count(_TURN)} times")
    prefix, _, suffix = rendered.partition(_TURN)
    special = re.compile("|".join(map(re.escape, _special_tokens(tokenizer))) or "(?!)")
    begin = max((match.end() for match in special.finditer(prefix)), default=0)
    found = special.search(suffix)
    end = found.start() if found else len(suffix)
    return ChatFrame(
        before=_ids(tokenizer, prefix[:begin]),
        lead=prefix[begin:],
        trail=suffix[:end],
        after=_ids(tokenizer, suffix[end:]),
        strips=f" {_TURN} " not in _render(tokenizer, spec, f" {_TURN} "),
    )


def _render(tokenizer: PreTrainedTokenizerBase, spec: BaseModelSpec, text: str) -> str:
    """Render the template for one turn, up to the beginning of the answer."""
    try:
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            # Further variables of templates. Answers are short and direct, without a preceding chain of thought.
            enable_thinking=False,
            date_string=f"{_DAY['%d']} {_DAY['%b']} {_DAY['%Y']}",
            chat_template=_CLOCK + tokenizer.get_chat_template(),
        )
    except Exception as error:  # a template is a program that can raise anything
        raise _unusable(spec, f"{type(error).__name__}: {error}") from error
    assert isinstance(rendered, str)
    return rendered


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the names of special tokens, longest first, because one name may be a prefix of another."""
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    names = {str(token.content) for token in added.values() if token.special} | set(tokenizer.all_special_tokens)
    return sorted(names, key=len, reverse=True)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the token ids of the template's own text, in which names of special tokens are special tokens."""
    return tuple(tokenizer(text, add_special_tokens=False, split_special_tokens=False).input_ids) if text else ()


def _unusable(spec: BaseModelSpec, problem: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"The chat template of {spec.id} cannot be used: {problem}. Configure the model without the template (append "
        "#plain to the name of a Hugging Face model), or with a template that accepts a single user turn.",
        reason="CHAT_TEMPLATE_UNUSABLE",
    )
