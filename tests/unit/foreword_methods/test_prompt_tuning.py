from __future__ import annotations

import json

import peft
import pytest
import torch
from safetensors.torch import load

from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import HIDDEN_SIZE, SHAPES, tiny_model
from foreword.domain.base_model import Architecture
from foreword.errors import ArtifactError
from foreword.plugin import pooling
from foreword.plugin.contributions import soft_prompt
from foreword.plugin.encoding import encode_input, encode_target
from foreword.plugin.interfaces import Artifact, EncodedRow
from foreword.plugin.register import Register
from foreword.tuning.adapter import adapter_files
from foreword.tuning.company.co_tuning import tune
from foreword_methods import plugin
from foreword_methods.prompt_tuning import PromptTuning


def _start(model, rows=(("A part is missing", "Warehouse"), ("The manual", "Planning")), seed=0, **parameters):
    generator = torch.Generator().manual_seed(seed)
    encoded = [
        EncodedRow(input_ids=tuple(encode_input(model.tokenizer, text)), target_ids=tuple(encode_target(model, answer)))
        for text, answer in rows
    ]
    return PromptTuning().start(model, make_parameters(**parameters), encoded, generator)


def _vectors(trainable):
    return soft_prompt(trainable.contribute()).detach()


def _artifact(num_virtual_tokens=4):
    vectors = torch.randn(num_virtual_tokens, HIDDEN_SIZE, generator=torch.Generator().manual_seed(0))
    return Artifact(
        kind="prompt_tuning/1",
        tensors={"prompt_embeddings": vectors},
        context_tokens=num_virtual_tokens,
        config={"num_attention_heads": 2, "num_layers": 2},
    )


def test_the_plugin_registers_the_method():
    register: Register = Register("tuning method", lambda item: item.id)

    plugin.register_tuning_methods(register)

    assert "prompt_tuning" in register.items


@pytest.mark.parametrize("scale_embedding", [False, True])
def test_a_text_starts_the_prompt_with_its_embeddings_as_they_enter_the_first_layer(scale_embedding):
    model = tiny_model("bart", scale_embedding=scale_embedding)
    ids = model.tokenizer("Route the complaint", add_special_tokens=False, return_tensors="pt").input_ids

    vectors = _vectors(_start(model, init_method="text", init_text="Route the complaint", num_virtual_tokens=3))

    table = model.module.model.shared.weight * (HIDDEN_SIZE**0.5 if scale_embedding else 1.0)
    torch.testing.assert_close(vectors, table[ids[0, :3]])


def test_a_short_text_is_repeated_to_the_length_of_the_prompt():
    vectors = _vectors(_start(tiny_model("bart"), init_method="text", init_text="about the", num_virtual_tokens=6))

    assert torch.equal(vectors[:2], vectors[2:4])
    assert vectors.shape == (6, HIDDEN_SIZE)


def test_labels_start_the_prompt_with_their_mean_embeddings_and_the_vocabulary_fills_the_rest():
    model = tiny_model("bart")
    ids = model.tokenizer("Planning", add_special_tokens=False, return_tensors="pt").input_ids

    vectors = _vectors(_start(model, rows=[("The manual", "Planning")], init_method="labels", num_virtual_tokens=3))

    torch.testing.assert_close(vectors[0], model.module.model.shared(ids)[0].mean(dim=0))
    assert vectors.shape == (3, HIDDEN_SIZE)


def test_a_regression_starts_the_prompt_with_a_vector_for_each_answer_that_separates_its_rows_from_others():
    model = tiny_model("bart")
    rows = [("planning the manual", "Planning"), ("a part", "Warehouse")] * 4 + [("the manual", "Planning")]

    vectors = _vectors(_start(model, rows=rows, init_method="regression", num_virtual_tokens=5))

    names = [
        model.module.model.shared(torch.tensor(model.tokenizer(answer, add_special_tokens=False).input_ids)).mean(dim=0)
        for answer in ("Planning", "Warehouse")
    ]
    pooled = [
        model.module.model.encoder(**model.tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        for text in ("planning the manual", "a part")
    ]
    difference = pooled[0] / pooled[0].norm() - pooled[1] / pooled[1].norm()
    directions = vectors[:2] - torch.stack(names)
    assert directions[0] @ difference > 0 > directions[1] @ difference
    assert vectors.shape == (5, HIDDEN_SIZE)


def test_a_regression_is_the_same_however_many_rows_fit_into_one_pass(monkeypatch):
    model = tiny_model("bart")
    rows = [("planning the manual " * number, "Planning") for number in (1, 3, 5)] + [("a part", "Warehouse")] * 3
    together = _vectors(_start(model, rows=rows, init_method="regression", num_virtual_tokens=4))

    monkeypatch.setattr(pooling, "_TOKENS_AT_ONCE", 10)

    apart = _vectors(_start(model, rows=rows, init_method="regression", num_virtual_tokens=4))
    torch.testing.assert_close(apart, together, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_regression_over_answers_that_never_repeat_is_left_out(shape):
    rows = [(f"Complaint {number}", f"Dear customer {number}") for number in range(4)]

    found = _vectors(_start(tiny_model(shape), rows=rows, init_method="regression", num_virtual_tokens=5))

    table = tiny_model(shape).module.get_input_embeddings()(
        torch.arange(5000).clamp_max(len(tiny_model(shape).tokenizer) - 1)
    )
    assert all((vector == table).all(dim=1).any() for vector in found)


@pytest.mark.parametrize("init_method", ["random", "sample_vocab"])
def test_a_random_start_is_as_large_as_embeddings_are_and_follows_the_seed(init_method):
    model = tiny_model("bart")

    first = _vectors(_start(model, init_method=init_method, num_virtual_tokens=50))
    again = _vectors(_start(model, init_method=init_method, num_virtual_tokens=50))
    other = _vectors(_start(model, seed=1, init_method=init_method, num_virtual_tokens=50))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.std().item() == pytest.approx(model.module.model.shared.weight.std().item(), rel=0.2)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # raised by PEFT itself
@pytest.mark.filterwarnings(
    "ignore:Position ids are not supported:UserWarning"
)  # raised by PEFT too, which counts them itself
@pytest.mark.parametrize("shape", SHAPES)
def test_a_tuned_prompt_acts_the_same_in_plain_peft(shape, tmp_path):
    model = tiny_model(shape)
    run = make_run(model, make_rows(), make_parameters(num_epochs=1, num_virtual_tokens=5))
    list(tune(run))
    artifact = run.result().artifact
    for name, content in adapter_files(PromptTuning(), artifact, model.spec).items():
        (tmp_path / name).write_bytes(content)
    ids = torch.tensor([[1, 40, 41, 42, 43]])
    embeds = torch.cat([artifact.tensors["prompt_embeddings"][None], model.module.get_input_embeddings()(ids)], dim=1)
    decoder = {"decoder_input_ids": torch.tensor([[1, 50, 51]])} if model.module.config.is_encoder_decoder else {}
    with torch.no_grad():
        expected = model.module(inputs_embeds=embeds, **decoder).logits
        tokens = model.module.generate(
            inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2]), max_new_tokens=6, do_sample=False
        )

    plain = peft.PeftModel.from_pretrained(model.module, tmp_path)

    with torch.no_grad():
        logits = plain(input_ids=ids, attention_mask=torch.ones_like(ids), **decoder).logits
        generated = plain.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False
        )
    torch.testing.assert_close(logits[:, -expected.shape[1] :], expected, rtol=1e-4, atol=1e-5)
    assert generated[0, -tokens.shape[1] :].tolist() == tokens[0].tolist()


def test_equal_artifacts_give_equal_files():
    spec = tiny_model("bart").spec

    assert adapter_files(PromptTuning(), _artifact(), spec) == adapter_files(PromptTuning(), _artifact(), spec)


@pytest.mark.parametrize(("shape", "task_type"), [("t5", "SEQ_2_SEQ_LM"), ("gpt2", "CAUSAL_LM")])
def test_peft_accepts_the_configuration_and_loads_one_prompt(shape, task_type):
    spec = tiny_model(shape).spec

    config = json.loads(adapter_files(PromptTuning(), _artifact(), spec)["adapter_config.json"])

    parsed = peft.PromptTuningConfig(**config)
    assert parsed.num_transformer_submodules == 1
    assert parsed.token_dim == HIDDEN_SIZE
    assert config["task_type"] == task_type


def test_a_written_adapter_is_read_back():
    method, spec, artifact = PromptTuning(), tiny_model("bart").spec, _artifact()
    files = adapter_files(method, artifact, spec)

    read = method.from_peft(json.loads(files["adapter_config.json"]), load(files["adapter_model.safetensors"]), spec)

    assert read.kind == artifact.kind
    assert read.context_tokens == artifact.context_tokens
    assert torch.equal(read.tensors["prompt_embeddings"], artifact.tensors["prompt_embeddings"])


def test_an_adapter_of_peft_with_two_submodules_is_read_from_the_half_that_peft_uses():
    spec = tiny_model("bart").spec
    config, tensors = PromptTuning().to_peft(_artifact(8), spec)

    read = PromptTuning().from_peft({**config, "num_virtual_tokens": 4, "num_transformer_submodules": 2}, tensors, spec)

    assert torch.equal(read.tensors["prompt_embeddings"], tensors["prompt_embeddings"][:4])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"peft_type": "LORA"}, "peft_type is 'LORA'"),
        ({"task_type": "CAUSAL_LM"}, "task_type is 'CAUSAL_LM'"),
        ({"num_virtual_tokens": 7}, "shape"),
        ({"num_virtual_tokens": "4"}, "num_virtual_tokens is '4'"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_and_the_value_named(change, match):
    spec = tiny_model("bart").spec
    assert spec.architecture is Architecture.ENCODER_DECODER
    config, tensors = PromptTuning().to_peft(_artifact(), spec)

    with pytest.raises(ArtifactError, match=match):
        PromptTuning().from_peft({**config, **change}, tensors, spec)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_adapter_with_numbers_that_are_not_finite_is_refused(value):
    spec = tiny_model("bart").spec
    config, tensors = PromptTuning().to_peft(_artifact(), spec)
    tensors["prompt_embeddings"][1, 1] = value

    with pytest.raises(ArtifactError, match="not finite"):
        PromptTuning().from_peft(config, tensors, spec)
