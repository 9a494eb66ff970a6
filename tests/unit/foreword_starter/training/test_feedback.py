from __future__ import annotations

from random import Random

import pytest

from foreword_starter.training.feedback import made_up_feedback


def test_texts_differ_and_every_piece_is_filled_in():
    texts = made_up_feedback(5000, Random(0))

    assert len(set(texts)) == 5000
    assert not [text for text in texts if "{" in text or "}" in text]


def test_the_same_seed_makes_the_same_texts():
    assert made_up_feedback(50, Random(3)) == made_up_feedback(50, Random(3))
    assert made_up_feedback(50, Random(3)) != made_up_feedback(50, Random(4))


def test_more_texts_than_the_pieces_yield_are_refused(monkeypatch):
    monkeypatch.setattr(
        "foreword_starter.training.feedback._pieces",
        lambda: ({"start": ["Hi,"], "end": ["Bye."]}, {"broken": ["it broke"]}),
    )

    with pytest.raises(ValueError, match="different texts in 4000 attempts, not 1000"):
        made_up_feedback(1000, Random(0))
