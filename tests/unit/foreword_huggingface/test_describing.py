from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from factories.hugging_face import CONTEXT_TOKENS, HIDDEN_SIZE, write_model
from foreword.domain.base_model import Architecture
from foreword.errors import FailedPreconditionError
from foreword_huggingface.families import FAMILIES, T5_RECIPE, fitted_recipes
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry


def _describe(folder: Path, name: str = "tiny") -> HuggingFaceModel:
    return HuggingFaceModel.describe(ModelEntry(name=name, folder=folder))


def _change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_folder_is_described_by_its_configuration(tmp_path):
    folder = write_model(tmp_path, "granite")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny\n")

    spec = _describe(folder, "team/tiny").spec

    assert spec.id == "team--tiny"
    assert spec.display_name == "tiny"
    assert spec.architecture is Architecture.CAUSAL
    assert (spec.context_tokens, spec.hidden_size) == (CONTEXT_TOKENS, HIDDEN_SIZE)
    assert spec.licence == "apache-2.0"
    assert spec.recipe("ia3").learning_rate == FAMILIES["granite"].recipes["ia3"].learning_rate
    assert "Granite" in spec.description


def test_t5_has_the_recipe_of_the_paper():
    assert (T5_RECIPE.optimizer, T5_RECIPE.schedule, T5_RECIPE.learning_rate) == ("adafactor", "constant", 0.3)


def test_every_recipe_sets_all_values_that_depend_on_the_model():
    for family in FAMILIES.values():
        assert family.recipes["prompt_tuning"].num_virtual_tokens is not None
        for recipe in family.recipes.values():
            assert None not in (recipe.learning_rate, recipe.optimizer, recipe.schedule)
            assert recipe.accumulate_steps == 1


@pytest.mark.parametrize("context_tokens", [16, 100, 192, 512, 131_072])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_recipe_fits_into_the_context(family, context_tokens):
    recipes = fitted_recipes(family, context_tokens)

    for recipe in recipes.values():
        answer = recipe.max_output_tokens if family.architecture is Architecture.CAUSAL else 0
        assert (recipe.num_virtual_tokens or 0) + recipe.max_input_tokens + answer <= context_tokens
    assert (recipes == family.recipes) is (context_tokens >= 512)


def test_other_weights_give_another_revision_and_the_same_files_the_same(tmp_path):
    folder = write_model(tmp_path, "t5")
    before, again = _describe(folder).spec.revision, _describe(folder).spec.revision
    weights = load_file(folder / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})

    assert before == again != _describe(folder).spec.revision


def test_a_sliding_window_bounds_the_context_and_is_switched_off(tmp_path):
    folder = write_model(tmp_path, "mistral", sliding_window=64)

    model = _describe(folder)
    module = model.load(device="cpu", dtype="float32").module

    assert model.spec.context_tokens == 64
    assert module.config.sliding_window is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"model_type": None}, "None"),
        ({"model_type": ["llama"]}, "llama"),
        ({"model_type": "my_llama", "auto_map": {"AutoConfig": "code.Config"}}, "my_llama"),
    ],
)
def test_an_unknown_architecture_is_refused_with_the_list_of_supported_ones(tmp_path, changes, problem):
    folder = write_model(tmp_path, "llama")
    _change_config(folder, **changes)

    with pytest.raises(FailedPreconditionError) as raised:
        _describe(folder)

    assert raised.value.reason == "BASE_MODEL_UNSUPPORTED"
    assert problem in raised.value.message
    assert str(folder) in raised.value.message
    assert all(family in raised.value.message for family in FAMILIES)


def test_quantised_weights_are_refused(tmp_path):
    folder = write_model(tmp_path, "llama")
    _change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})

    with pytest.raises(FailedPreconditionError, match="quantised"):
        _describe(folder)


def test_code_beside_the_weights_is_never_run(tmp_path):
    folder = write_model(tmp_path, "llama")
    (folder / "code.py").write_text("raise SystemExit('the code of the repository ran')")
    _change_config(
        folder, auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model", "AutoTokenizer": "code.T"}
    )

    model = _describe(folder).load(device="cpu", dtype="float32")

    assert type(model.module).__name__ == "LlamaForCausalLM"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_refused_with_its_name(tmp_path, name):
    folder = write_model(tmp_path, "llama")
    (folder / name).unlink()

    with pytest.raises(FailedPreconditionError, match=name) as raised:
        _describe(folder)
    assert raised.value.reason == "BASE_MODEL_MISSING"


def test_pickled_weights_are_not_read(tmp_path):
    folder = write_model(tmp_path, "llama")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(FailedPreconditionError, match="run code when they are loaded"):
        _describe(folder)


def test_a_missing_shard_is_noticed(tmp_path):
    folder = write_model(tmp_path, "llama")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": {f"tensor.{place}": name for place, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(FailedPreconditionError, match="complete set of weights"):
        _describe(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": "llama", "hidden_size": "wide"}'])
def test_a_broken_configuration_is_refused(tmp_path, text):
    folder = write_model(tmp_path, "llama")
    (folder / "config.json").write_text(text)

    with pytest.raises(FailedPreconditionError) as raised:
        _describe(folder)
    assert raised.value.reason in ("BASE_MODEL_BROKEN", "BASE_MODEL_UNSUPPORTED")


def test_a_broken_tokenizer_is_refused_when_it_is_loaded(tmp_path):
    folder = write_model(tmp_path, "llama")
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(FailedPreconditionError, match="tokenizer"):
        _describe(folder).load_tokenizer()


def test_cut_off_weights_are_refused_when_they_are_loaded(tmp_path):
    folder = write_model(tmp_path, "llama")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(FailedPreconditionError, match="weights") as raised:
        _describe(folder).load(device="cpu", dtype="float32")
    assert raised.value.reason == "BASE_MODEL_BROKEN"


@pytest.mark.filterwarnings("ignore")
def test_weights_of_another_shape_or_with_gaps_are_refused_instead_of_initialised_at_random(tmp_path):
    folder = write_model(tmp_path, "llama")
    _change_config(folder, num_hidden_layers=3)
    with pytest.raises(FailedPreconditionError, match="tensors are missing"):
        _describe(folder).load(device="cpu", dtype="float32")

    _change_config(folder, num_hidden_layers=2, intermediate_size=48)
    with pytest.raises(FailedPreconditionError, match="weights"):
        _describe(folder).load(device="cpu", dtype="float32")


def test_a_tokenizer_without_an_end_token_uses_that_of_the_configuration(tmp_path):
    folder = write_model(tmp_path, "gpt2")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({name: v for name, v in json.loads(path.read_text()).items() if name != "eos_token"}))

    tokenizer = _describe(folder).load_tokenizer()

    assert (tokenizer.eos_token, tokenizer.pad_token) == ("</s>", "</s>")
