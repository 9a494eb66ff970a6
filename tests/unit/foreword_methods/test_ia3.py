from __future__ import annotations

import json
from dataclasses import replace

import peft
import pytest
import torch
from safetensors.torch import load

from factories.runs import make_parameters, make_rows, make_run
from factories.serving import site_scales
from factories.tiny_models import SHAPES, tiny_model
from foreword.domain.parameters import resolve_parameters
from foreword.domain.site import SiteKind
from foreword.errors import ArtifactError, InvalidArgumentError
from foreword.inference.runner import ModelRunner, TextRow
from foreword.network.row_adapters import RowAdapters
from foreword.plugin.interfaces import Artifact
from foreword.plugin.register import Register
from foreword.tuning.adapter import adapter_files
from foreword.tuning.company.co_tuning import tune
from foreword_methods import plugin
from foreword_methods.ia3 import IA3

_IDS = torch.tensor([[1, 40, 41, 42, 43]])


def _artifact(spec, seed=0):
    return Artifact(kind="ia3/1", tensors=site_scales(spec, seed), context_tokens=0)


def _tokens(module, **values) -> list[int]:
    with torch.no_grad():
        found = module.generate(
            input_ids=_IDS, attention_mask=torch.ones_like(_IDS), max_new_tokens=8, do_sample=False, **values
        )
    return found[0].tolist()


def _peft_tokens(artifact, shape, folder) -> list[int]:
    for name, content in adapter_files(IA3(), artifact, tiny_model(shape).spec).items():
        (folder / name).write_bytes(content)
    return _tokens(peft.PeftModel.from_pretrained(tiny_model(shape).module, folder))


def test_the_plugin_registers_the_method():
    register: Register = Register("tuning method", lambda item: item.id)

    plugin.register_tuning_methods(register)

    assert "ia3" in register.items


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_starts_from_the_unchanged_base_model(shape):
    model = tiny_model(shape)
    runner = ModelRunner(model)

    started = IA3().start(model, make_parameters(), [], torch.Generator())

    adapter = runner.load_adapter(started.contribute())
    rows = [TextRow(text="Complaint 7"), TextRow(text="Complaint 7", adapter=adapter)]
    plain, scaled = runner.generate(rows)
    assert plain == scaled


@pytest.mark.parametrize(("shape", "count"), [("bart", 320), ("t5", 320), ("llama", 96), ("gpt2", 192)])
def test_the_plan_counts_keys_values_and_feed_forward_activations_and_takes_no_context(shape, count):
    spec = tiny_model(shape).spec
    parameters, _ = resolve_parameters(spec.recipe("ia3"), spec.recipe("ia3"), IA3.unused_parameters)

    plan = IA3().plan(spec, parameters)

    assert plan.trainable_parameter_count == count
    assert plan.resident_bytes == 4 * count
    assert plan.context_tokens == 0
    assert parameters.num_virtual_tokens is None


def test_a_base_model_without_sites_is_refused_with_the_remedy():
    spec = replace(tiny_model("bart").spec, sites=())

    with pytest.raises(InvalidArgumentError) as caught:
        IA3().plan(spec, make_parameters())

    [violation] = caught.value.violations
    assert violation.field == "tuning_type"
    assert "choose prompt_tuning" in violation.description


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's own
@pytest.mark.parametrize("shape", SHAPES)
def test_a_tuned_artifact_gives_the_same_tokens_in_plain_peft(shape, tmp_path):
    model = tiny_model(shape)
    parameters = make_parameters(num_epochs=3, learning_rate=0.2, method_parameters={"averaging": 0.5})
    run = make_run(model, make_rows(), parameters, method=IA3())
    list(tune(run))
    artifact = run.result().artifact
    runner = ModelRunner(model)
    adapter = runner.load_adapter(IA3().contributions(artifact))
    decoder = {"decoder_input_ids": torch.tensor([[1, 50, 51]])} if model.module.config.is_encoder_decoder else {}
    with torch.no_grad(), runner.network.adapted(RowAdapters([adapter])):
        expected = model.module(input_ids=_IDS, **decoder).logits
        tokens = _tokens(model.module)

    for name, content in adapter_files(IA3(), artifact, model.spec).items():
        (tmp_path / name).write_bytes(content)
    plain = peft.PeftModel.from_pretrained(tiny_model(shape).module, tmp_path)

    with torch.no_grad():
        logits = plain(input_ids=_IDS, **decoder).logits
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert _tokens(plain) == tokens
    assert not torch.allclose(expected, model.module(input_ids=_IDS, **decoder).logits, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_written_adapter_is_read_back(shape):
    method, spec = IA3(), tiny_model(shape).spec
    artifact = _artifact(spec)
    files = adapter_files(method, artifact, spec)

    read = method.from_peft(json.loads(files["adapter_config.json"]), load(files["adapter_model.safetensors"]), spec)

    assert read.kind == artifact.kind
    assert read.context_tokens == 0
    assert read.tensors.keys() == artifact.tensors.keys()
    assert all(torch.equal(read.tensors[name], artifact.tensors[name]) for name in artifact.tensors)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's own
@pytest.mark.parametrize("shape", SHAPES)
def test_an_adapter_of_peft_with_default_targets_gives_the_same_tokens(shape, tmp_path):
    """PEFT's defaults also scale queries, which GPT-2 has in one projection with keys and values."""
    model = tiny_model(shape)
    causal = not model.module.config.is_encoder_decoder
    config = peft.IA3Config(
        task_type="CAUSAL_LM" if causal else "SEQ_2_SEQ_LM", fan_in_fan_out=shape == "gpt2", init_ia3_weights=True
    )
    theirs = peft.get_peft_model(model.module, config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "ia3_l" in name:
                parameter += 0.5 * torch.randn(parameter.shape, generator=generator)
    theirs.save_pretrained(tmp_path)
    tokens = _tokens(theirs)

    spec = tiny_model(shape).spec
    stored = json.loads((tmp_path / "adapter_config.json").read_text())
    artifact = IA3().from_peft(stored, load((tmp_path / "adapter_model.safetensors").read_bytes()), spec)

    kinds = {site.kind for site in spec.sites if site.name in artifact.tensors}
    assert (SiteKind.QUERY in kinds) is (shape in ("bart", "gpt2"))
    again = tmp_path / "again"
    again.mkdir()
    assert _peft_tokens(artifact, shape, again) == tokens
    ours = tiny_model(shape)
    runner = ModelRunner(ours)
    adapter = runner.load_adapter(IA3().contributions(artifact))
    with runner.network.adapted(RowAdapters([adapter])):
        assert _tokens(ours.module) == tokens


@pytest.mark.parametrize(
    ("change", "match"),
    [({"peft_type": "LORA"}, "peft_type is 'LORA'"), ({"task_type": "CAUSAL_LM"}, "task_type is 'CAUSAL_LM'")],
)
def test_a_configuration_of_another_kind_is_refused_and_the_value_named(change, match):
    spec = tiny_model("bart").spec
    config, tensors = IA3().to_peft(_artifact(spec), spec)

    with pytest.raises(ArtifactError, match=match):
        IA3().from_peft({**config, **change}, tensors, spec)


@pytest.mark.parametrize(
    ("name", "shape", "match"),
    [
        ("base_model.model.model.encoder.layers.9.fc2.ia3_l", (1, 32), "layers.9.fc2"),
        ("base_model.model.model.encoder.layers.0.fc1.ia3_l", (32, 1), "layers.0.fc1"),
        ("base_model.model.model.encoder.layers.0.fc2.lora_A.weight", (1, 32), "lora_A"),
        ("base_model.model.model.encoder.layers.0.fc2.ia3_l", (16, 1), r"layers.0.fc2.ia3_l has shape \[16, 1\]"),
        ("base_model.model.model.encoder.layers.0.self_attn.k_proj.ia3_l", (1, 16), "k_proj.ia3_l has shape"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_by_name(name, shape, match):
    spec = tiny_model("bart").spec
    config, tensors = IA3().to_peft(_artifact(spec), spec)

    with pytest.raises(ArtifactError, match=match):
        IA3().from_peft(config, {**tensors, name: torch.ones(shape)}, spec)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_factors_that_are_not_finite_are_refused(value):
    spec = tiny_model("bart").spec
    config, tensors = IA3().to_peft(_artifact(spec), spec)
    next(iter(tensors.values()))[0] = value

    with pytest.raises(ArtifactError, match="not finite"):
        IA3().from_peft(config, tensors, spec)
