"""The words of a text, by which equal texts are recognised."""

from __future__ import annotations


def input_key(text: str) -> str:
    """Return the words of an input without case, spacing and punctuation."""
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())
