"""Chat templates: what an instruct model expects around one user's turn, the same in tuning and in serving.

A template is asked once what it puts around a turn. Texts are put between those tokens without being parsed, so that a
caller's `<|im_end|>` ends nothing. The soft prompt stands in front of it all, the template's first token included.
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
"""Stands for the user's text; characters of the private use area are in no template."""
_DAY: Final = {"%d": "26", "%m": "07", "%b": "Jul", "%B": "July", "%Y": "2024", "%y": "24"}
"""What templates that tell the date are told: a prompt must read the same when it is served as when it was tuned."""
_CLOCK: Final = (
    "{% macro strftime_now(format) %}{{ format"
    + "".join(f".replace('{code}', '{value}')" for code, value in _DAY.items())
    + " }}{% endmacro %}{{ '' }}"
)
"""Put in front of a template, it stands where transformers' own clock would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFrame:
    """What stands around the text of a turn.

    Attributes:
        before: Token ids up to the last special token in front of the text.
        lead: Characters between that token and the text; they are tokenized together with it.
        trail: Characters behind the text, up to the next special token.
        after: Token ids from there on, up to where the answer begins.
        strips: Whether the template removes white space around the text.
    """

    before: tuple[int, ...]
    lead: str
    trail: str
    after: tuple[int, ...]
    strips: bool

    def wrapped(self, text: str) -> str:
        """The text with the characters around it."""
        return f"{self.lead}{text.strip() if self.strips else text}{self.trail}"


def chat_frame(tokenizer: PreTrainedTokenizerBase, spec: BaseModelSpec) -> ChatFrame | None:
    """What the tokenizer's chat template puts around one user's turn; None for a model whose inputs are plain texts.

    Call it before other threads use the tokenizer.

    Raises:
        FailedPreconditionError: There is no such template, or it cannot be used.
    """
    if not spec.chat_template:
        return None
    rendered = _render(tokenizer, spec, _TURN)
    if rendered.count(_TURN) != 1:
        raise _unusable(spec, f"it shows the user's text {rendered.count(_TURN)} times")
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
    """The template's text for one turn, up to where the answer begins."""
    try:
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            # What templates ask for beside the turns. Answers are short and direct: no thoughts in front of them.
            enable_thinking=False,
            date_string=f"{_DAY['%d']} {_DAY['%b']} {_DAY['%Y']}",
            chat_template=_CLOCK + tokenizer.get_chat_template(),
        )
    except Exception as error:  # a template is a program: it may raise whatever its author or Jinja came up with
        raise _unusable(spec, f"{type(error).__name__}: {error}") from error
    assert isinstance(rendered, str)
    return rendered


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Names of special tokens, longest first, as one may begin like another."""
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    names = {str(token.content) for token in added.values() if token.special} | set(tokenizer.all_special_tokens)
    return sorted(names, key=len, reverse=True)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Token ids of the template's own text, in which the names of special tokens are such tokens."""
    return tuple(tokenizer(text, add_special_tokens=False, split_special_tokens=False).input_ids) if text else ()


def _unusable(spec: BaseModelSpec, problem: str) -> FailedPreconditionError:
    return FailedPreconditionError(
        f"The chat template of {spec.id} cannot be used: {problem}. Offer the model without it (a Hugging Face model: "
        "with #plain behind its name), or with one that takes a single turn of a user.",
        reason="CHAT_TEMPLATE_UNUSABLE",
    )
