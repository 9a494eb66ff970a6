from __future__ import annotations

import pytest

from factories.tiny_training import write_corpus
from foreword_starter.training.corpus import (
    HELD_OUT_INTENTS,
    read_corpus,
    read_held_out_intents,
    read_held_out_summaries,
    readable,
    sentences,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("source", sorted(HELD_OUT_INTENTS))
def test_held_out_intents_are_for_benchmarks_only(folder, source):
    corpus, held_out = read_corpus(folder), read_held_out_intents(folder, source)

    assert held_out
    assert not {row.text for row in held_out} & set(corpus.texts())
    assert not {row.text for row in held_out} & {row.text for row in corpus.intents[source]}


def test_held_out_summaries_are_for_benchmarks_only(folder):
    training, held_out = read_corpus(folder).summaries, read_held_out_summaries(folder)

    assert held_out
    assert not {row.text for row in held_out} & {row.text for row in training}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="dialogues"):
        read_corpus(tmp_path)


def test_labels_of_sources_read_as_words():
    assert [readable(label) for label in ("top_up_failed", "FindEvents", "reverted_card_payment?")] == [
        "top up failed", "find events", "reverted card payment",
    ]  # fmt: skip


def test_texts_are_cut_after_sentences():
    assert sentences("It broke. Why? I paid 3.50 for it!\nBye") == ["It broke.", "Why?", "I paid 3.50 for it!", "Bye"]
