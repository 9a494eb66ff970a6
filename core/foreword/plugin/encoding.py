"""Conversion of texts to token ids, the same in tuning and serving: a prompt works only on inputs as it was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.errors import InvalidArgumentError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from foreword.plugin.chat import ChatFrame
    from foreword.plugin.loaded_model import LoadedModel


def encode_input(
    tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None = None, *, frame: ChatFrame | None = None
) -> list[int]:
    """Return the token ids of an input, with the special tokens that the model expects around it.

    Args:
        max_tokens: Maximum length. A longer input loses the end of its text, but keeps its closing tokens. None means
            no limit.
        frame: The model's chat frame, from `chat_frame`.

    Raises:
        InvalidArgumentError: The frame alone is longer than `max_tokens`.
    """
    if frame is not None:
        return _encode_turn(tokenizer, text, max_tokens, frame)
    # Not the tokenizer's own `truncation`: that is state of the tokenizer, which threads share.
    ids = _encode(tokenizer, text, add_special_tokens=True)
    if max_tokens is None or len(ids) <= max_tokens:
        return ids
    if ids[-1] == tokenizer.eos_token_id:
        return [*ids[: max_tokens - 1], ids[-1]]
    return ids[:max_tokens]


def _encode_turn(tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None, frame: ChatFrame) -> list[int]:
    """Return the token ids of a user turn."""
    ids = encode_plain(tokenizer, frame.wrapped(text))
    around = len(frame.before) + len(frame.after)
    if max_tokens is not None and around + len(ids) > max_tokens:
        closing = encode_plain(tokenizer, frame.trail) if frame.trail else []
        room = max_tokens - around - len(closing)
        lead = len(encode_plain(tokenizer, frame.lead)) if frame.lead else 0
        if room <= lead:
            raise InvalidArgumentError.of(
                "parameters.max_input_tokens",
                f"is {max_tokens}, and the base model's chat template alone takes {max_tokens - room + lead} tokens; "
                "raise it",
            )
        ids = [*ids[:room], *closing]
    return [*frame.before, *ids, *frame.after]


def tokens_around(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], *, frame: ChatFrame | None = None
) -> tuple[int, int]:
    """Return the number of tokens of an encoded input before and after its text.

    Args:
        ids: The result of `encode_input` with this frame.
    """
    if frame is not None:
        lead, trail = (len(encode_plain(tokenizer, part)) if part else 0 for part in (frame.lead, frame.trail))
        return len(frame.before) + lead, trail + len(frame.after)
    added = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    before = next((place for place, token in enumerate(ids) if token not in added), len(ids))
    after = next((place for place, token in enumerate(reversed(ids)) if token not in added), 0)
    return before, after


def encode_plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids of a text, without special tokens around it."""
    return _encode(tokenizer, text, add_special_tokens=False)


def encode_target(model: LoadedModel, text: str, max_tokens: int | None = None) -> list[int]:
    """Return the token ids that the model should produce for an answer, including the end token.

    Args:
        max_tokens: Maximum length. A longer answer loses its end, including the end token. None means no limit.
    """
    if max_tokens is not None:
        text = text[: max_tokens * MOST_CHARACTERS_PER_TOKEN]
    ids = _completed(model, encode_plain(model.tokenizer, text))
    return ids if max_tokens is None else ids[:max_tokens]


def encode_targets(model: LoadedModel, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of several answers; one call of the tokenizer is much faster than one for each text."""
    if not texts:
        return []
    return [_completed(model, ids) for ids in _encode_all(model.tokenizer, texts, add_special_tokens=False)]


def _completed(model: LoadedModel, ids: Sequence[int]) -> list[int]:
    """Return the tokens of an answer between those with which every answer begins and ends."""
    first = forced_first_token(model)
    return [*([] if first is None else [first]), *ids, end_token(model)]


def _encode(tokenizer: PreTrainedTokenizerBase, text: str, *, add_special_tokens: bool) -> list[int]:
    """Return the token ids of one text; see `_encode_all`."""
    return _encode_all(tokenizer, [text], add_special_tokens=add_special_tokens)[0]


def _encode_all(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, add_special_tokens: bool
) -> list[list[int]]:
    """Return token ids in which the name of a special token is plain text: a caller's `</s>` does not end the input.

    Every text is encoded by this function, because `split_special_tokens` is state of the shared tokenizer, too: calls
    with different values would change each other's result.
    """
    encoded = tokenizer(
        list(texts),
        add_special_tokens=add_special_tokens,
        split_special_tokens=True,
        return_special_tokens_mask=True,
        verbose=False,  # no line on standard error for a text that is longer than the context: callers check its length
    )
    control = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    return [
        _without_control(tokenizer, ids, mask, control)
        for ids, mask in zip(encoded.input_ids, encoded.special_tokens_mask, strict=True)
    ]


def _without_control(
    tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int], mask: Sequence[int], control: set[int]
) -> list[int]:
    """Return the tokens of a text, with the letters of special tokens that the tokenizer found in it."""
    if control.isdisjoint(tokens):
        return list(tokens)
    ids: list[int] = []
    for token, added in zip(tokens, mask, strict=True):
        if added or token not in control:
            ids.append(token)
        else:
            # Unigram vocabularies contain the names as ordinary pieces, so the tokenizer finds them in a text anyway.
            letters = (tokenizer.convert_tokens_to_ids(letter) for letter in tokenizer.convert_ids_to_tokens(token))
            ids += [letter for letter in letters if isinstance(letter, int)]
    return ids


def end_token(model: LoadedModel) -> int:
    """Return the token that ends an answer."""
    end = model.tokenizer.eos_token_id
    assert isinstance(end, int), f"the tokenizer of {model.spec.id} has no end token"
    return end


def forced_first_token(model: LoadedModel) -> int | None:
    """Return the token that every answer begins with, such as BART's `<s>`; None for most models."""
    if model.spec.is_causal:
        return None
    generation_config = getattr(model.module, "generation_config", None)
    first: int | None = getattr(generation_config, "forced_bos_token_id", None)
    return first


def start_token(model: LoadedModel) -> int:
    """Return the token that a decoder starts from; for encoder-decoder models only."""
    start = model.module.config.decoder_start_token_id
    assert isinstance(start, int), f"{model.spec.id} has no decoder start token"
    return start
