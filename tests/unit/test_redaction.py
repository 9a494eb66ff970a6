from __future__ import annotations

import pytest

from foreword.redaction import redact_prose


@pytest.mark.parametrize("text", ["My basic plan does not work", "the bearer of this letter", "a token of thanks"])
def test_ordinary_words_stay_in_texts_that_people_wrote(text):
    assert redact_prose(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "I sent Basic c2VjcmV0OnMza3JldHMza3JldA== as a header",
        "it says password=S3kret",
        "the key is fw_0123456789abcdef_S3kretS3kretS3kretS3kretS3kret",
        "authorization=Bearer S3kretS3kretS3kretS3kret",
    ],
)
def test_secrets_become_a_placeholder_in_texts_that_people_wrote(text):
    redacted = redact_prose(text)

    assert "S3kret" not in redacted
    assert "c2VjcmV0" not in redacted
    assert "***" in redacted
    assert redact_prose(redacted) == redacted
