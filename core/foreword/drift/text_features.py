"""What is compared of a text: its length and its words, as numbers from which the text cannot be told."""

from __future__ import annotations

import re
import zlib
from typing import Final

NUM_BUCKETS: Final = 512
"""Number of buckets of words. More tell words apart better, and need more rows."""
_MOST_CHARACTERS: Final = 4_000
"""Characters of a text that are read for words."""

# Words, numbers as one word, and single characters of scripts that write no spaces between words.
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\d+")


def words_of(text: str) -> set[str]:
    """Return the different words of the beginning of a text, in lower case; numbers are one word."""
    found = _WORDS.findall(text[:_MOST_CHARACTERS].casefold())
    return {"0" if word[0].isdigit() else word for word in found}


def bucket_of(word: str) -> int:
    """Return the bucket of a word, the same in every process."""
    return zlib.crc32(word.encode()) % NUM_BUCKETS
