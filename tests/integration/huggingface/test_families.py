"""A tiny model of every family, from a folder to tuned answers: loaded, tuned, measured and served."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from factories.hugging_face import CAUSAL, ENCODER_DECODER, HIDDEN_SIZE, write_model
from factories.runs import make_parameters, make_rows, make_run
from factories.serving import Adapters, answer, make_request, running_engine, site_scales
from foreword.domain.inference import GenerateParameters
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.domain.site import SiteKind
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import DecodeRow
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Affine, Embeds
from foreword.plugin.sites import find_sites
from foreword.tuning.company.co_tuning import tune
from foreword_huggingface.families import FAMILIES
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry
from foreword_methods.prompt_tuning import PromptTuning

FAMILY_NAMES = (*ENCODER_DECODER, *CAUSAL)
_SHORT = GenerateParameters(max_new_tokens=8, min_new_tokens=3)


def _model(folder, family: str, **options) -> HuggingFaceModel:
    return HuggingFaceModel.describe(ModelEntry(name=f"tiny/{family}", folder=write_model(folder, family, **options)))


def test_every_supported_family_is_tested():
    assert set(FAMILY_NAMES) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_prompt_is_tuned_and_served_beside_factors_and_plain_rows_as_if_alone(tmp_path, family):
    base, rows = _model(tmp_path, family), make_rows()
    model = base.load(device="cpu", dtype="float32")
    # The family's own optimiser, at a rate that does something to random weights in a moment.
    recipe = replace(
        base.spec.recipe("prompt_tuning"), batch_size=4, num_epochs=5, num_virtual_tokens=5, validation_split=0.25
    )
    parameters, _ = resolve_parameters(TuneParameters(learning_rate=0.1), recipe)
    runner, measured = ModelRunner(model), []

    def measure(contributions):
        texts = [TextRow(text=row.input, adapter=runner.load_adapter(contributions)) for row in run.validation_rows]
        measured.append(runner.generate([replace(row, parameters=_SHORT) for row in texts]))
        return 0.0

    run = make_run(model, rows, parameters, evaluate=measure)
    losses = [report.loss for report in tune(run)]
    artifact = run.result().artifact

    assert sum(losses[-3:]) < sum(losses[:3])
    assert len(measured) == 5
    assert artifact.tensors["prompt_embeddings"].shape == (5, HIDDEN_SIZE)
    prompt = runner.load_adapter(PromptTuning().contributions(artifact))
    assert runner.probe(prompt) > 1e-3
    factors = runner.load_adapter([Affine(scales_W=site_scales(base.spec))])
    adapters = (None, prompt, factors)
    mixed = [TextRow(text=row.input, adapter=adapters[row.number % 3], parameters=_SHORT) for row in rows]
    together = runner.generate(mixed)
    alone = [runner.generate([row])[0] for row in mixed]
    assert together == alone
    assert together != runner.generate([replace(row, adapter=None) for row in mixed])


@pytest.mark.parametrize("family", ["t5", "granite"])
async def test_the_engine_serves_it_with_and_without_a_prompt(tmp_path, family):
    base = _model(tmp_path, family)
    adapters = Adapters()
    vectors_PD = torch.randn(5, HIDDEN_SIZE, generator=torch.Generator().manual_seed(1)) * 3
    task_type = "SEQ_2_SEQ_LM" if family == "t5" else "CAUSAL_LM"
    adapter = adapters.add("a", vectors_PD, base_model=base.spec.id, task_type=task_type)

    runner = ModelRunner(base.load(device="cpu", dtype="float32"))
    prompt = runner.load_adapter([Embeds(vectors_PD=vectors_PD)])

    async with running_engine(base, adapters=adapters) as engine:
        effect = await engine.probe(base.spec.id, adapter)
        tuned, _ = await answer(engine, "Complaint 1", base_model=base.spec.id, adapter=adapter)
        plain, _ = await answer(engine, "Complaint 1", base_model=base.spec.id)

    assert effect > 1e-3
    parameters = make_request("").parameters
    rows = [TextRow(text="Complaint 1", adapter=item, parameters=parameters) for item in (prompt, None)]
    assert [tuned, plain] == [found.text for found in runner.generate(rows)]


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_base_model_gives_the_tokens_that_transformers_gives(tmp_path, family):
    model = _model(tmp_path, family).load(device="cpu", dtype="float32")
    runner = ModelRunner(model)
    input_ids = torch.tensor([runner.tokenize("Complaint 7 about the order")])
    row = DecodeRow(ids=input_ids[0].tolist(), adapter=None, parameters=GenerateParameters(max_new_tokens=10))

    with torch.inference_mode():
        batch = DecodeBatch(runner.network)
        _, events = batch.join([row])
        while batch.rows:
            events += batch.step()
        output = model.module.generate(
            input_ids=input_ids, attention_mask=torch.ones_like(input_ids), max_new_tokens=10, do_sample=False
        )[0]

    expected = output[1:] if family in ENCODER_DECODER else output[input_ids.shape[1] :]
    assert list(next(event.final for event in events if event.final).ids) == expected.tolist()


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize(("stored", "asked"), [(torch.bfloat16, "float32"), (torch.float32, "bfloat16")])
def test_it_loads_in_the_dtype_that_was_asked_for_whatever_the_file_holds(tmp_path, family, stored, asked):
    model = _model(tmp_path, family, dtype=stored).load(device="cpu", dtype=asked)

    assert {parameter.dtype for parameter in model.module.parameters()} == {getattr(torch, asked)}
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert not model.module.training
    assert model.tokenizer.pad_token is not None
    assert model.module.config.pad_token_id is not None


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_spec_tells_before_loading_what_is_there_afterwards(tmp_path, family):
    base = _model(tmp_path, family)

    spec, module = base.spec, base.load(device="cpu", dtype="float32").module

    assert spec.id == f"tiny--{family}"
    assert spec.parameter_count == module.num_parameters()
    assert spec.hidden_size == module.get_input_embeddings().weight.shape[1]
    assert spec.sites == find_sites(module)
    assert {site.kind for site in spec.sites} == set(SiteKind)
    assert spec.context_tokens == {"t5": 512, "mt5": 512, "mistral": 128}.get(family, 192)


def test_tuning_leaves_the_weights_untouched(tmp_path):
    model = _model(tmp_path, "llama").load(device="cpu", dtype="float32")
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}

    list(tune(make_run(model, make_rows(), make_parameters())))

    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
