from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from factories.tiny_training import TEXTS, write_minilm
from foreword_starter.training.distillation import mean_cosine
from foreword_starter.training.export import save_model
from foreword_starter.training.sentence_encoder import SentenceEncoder
from foreword_starter.training.starter import Starter
from foreword_starter.training.tokenizer import train_tokenizer
from foreword_starter.training.transplant import transplant


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    folder = write_minilm(tmp_path_factory.mktemp("minilm"))
    return SentenceEncoder(folder, device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture
def starter(minilm, tmp_path):
    tokenizer = train_tokenizer(TEXTS, vocabulary_size=500)
    save_model(transplant(minilm, tokenizer, seed=0), tokenizer, tmp_path)
    return Starter(tmp_path, device=torch.device("cpu"), dtype=torch.float32)


def test_texts_of_words_that_are_single_tokens_in_both_have_the_same_sentence_vector(minilm, starter):
    texts = [text for text in TEXTS if len(starter.encode([text], 99)[0]) == len(minilm.tokenizer.encode(text).ids)]

    with torch.no_grad():
        cosines = cosine_similarity(starter.pooled(texts), minilm.encode(texts))

    assert len(texts) > 10
    assert cosines.min() > 0.999  # the starter's weights went through bfloat16


def test_the_transplant_is_near_its_teacher_before_any_training(minilm, starter):
    assert mean_cosine(starter, TEXTS, minilm.encode(TEXTS)) > 0.99


def test_the_tokenizer_preserves_case_line_breaks_and_unseen_characters():
    tokenizer = train_tokenizer(TEXTS, vocabulary_size=400)

    ids = tokenizer.encode("LAMP!\nnaïve 東京 🙂").ids

    assert tokenizer.decode(ids).strip(" ") == "LAMP!\nnaïve 東京 🙂"


def test_a_folder_without_the_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"contains no model\.safetensors\. Unpack the packages"):
        SentenceEncoder(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
