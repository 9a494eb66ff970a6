"""The part of a base model's context that is available to inputs and answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRoom:
    """The context available to an input and its answer beside a soft prompt.

    A causal model continues its input, so soft prompt, input and answer share one context. An encoder-decoder reads
    soft prompt and input in the encoder, and its decoder has a context of the same length for the answer alone.

    Attributes:
        context_tokens: Length of the context.
        is_causal: Whether the answer is part of the same context.
        soft_prompt_tokens: Virtual tokens in front of every input.
    """

    context_tokens: int
    is_causal: bool
    soft_prompt_tokens: int = 0

    @property
    def free_tokens(self) -> int:
        """Number of tokens that remain beside the soft prompt; below 1 if the soft prompt is too long."""
        return self.context_tokens - self.soft_prompt_tokens

    def longest_input(self, *, answer_tokens: int) -> int:
        """Return the maximum number of input tokens before an answer of `answer_tokens`.

        Returns:
            A number below 1 if no input leaves room for such an answer.
        """
        return self.free_tokens - answer_tokens if self.is_causal else self.free_tokens

    def longest_answer(self, *, input_tokens: int) -> int:
        """Return the maximum number of tokens that can be generated after an input, including the end token.

        Returns:
            A number below 1 if the input is too long.
        """
        if self.is_causal:
            return self.free_tokens - input_tokens
        return self.context_tokens if input_tokens <= self.free_tokens else 0

    def longest_scored_answer(self, *, input_tokens: int) -> int:
        """Return the maximum number of tokens in an answer that is scored after an input, including the end token.

        A causal model does not read the last token of such an answer, because nothing follows it. The decoder of an
        encoder-decoder does not read it either, but reads a start token before the first token.
        """
        longest = self.longest_answer(input_tokens=input_tokens)
        return longest + 1 if self.is_causal else longest
