"""Runs that start from the tensors of a tuned model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from factories.runs import make_parameters, make_rows, make_run
from factories.stored import MOMENT
from factories.tiny_models import tiny_model
from foreword.domain.experiment import ExperimentConfig, TaskOptions, TunePlan
from foreword.domain.parameters import FROM_TUNED_MODEL, TuneParameters
from foreword.domain.tuned_model import TunedModel
from foreword.errors import ArtifactError, InvalidArgumentError
from foreword.plugin.interfaces import Artifact
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.planning.plan import make_plan
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.classification import Classification

SPEC = tiny_model("bart").spec
NAME = "tenants/acme/tunedModels/m"
START = TunedModel(
    tenant="acme", id="m", display_name="old (1)", base_model=SPEC.id, tune_experiment="e", dataset="old",
    task="classification", tuning_type="prompt_tuning", verbalizer="{{input}}", schema={}, labels=(), multi_label=False,
    artifact="a", content_sha256="ab" * 32, byte_size=1, num_virtual_tokens=7, max_input_tokens=64,
    max_output_tokens=8, provenance={"base_model": SPEC.revision}, evaluations=(), creator="k", create_time=MOMENT,
)  # fmt: skip


class Scratch(PromptTuning):
    """A method that cannot start from a tuned model."""

    id = "scratch"
    starts_from_tuned_models = False


def plan_of(method=None, *, start=START, validation_rows=(), **parameters) -> TunePlan:
    method = method or PromptTuning()
    config = ExperimentConfig(
        base_model=SPEC.id,
        dataset="d",
        validation_dataset="v" if validation_rows else None,
        task="classification",
        task_options=TaskOptions(),
        tuning_type=method.id,
        verbalizer="{{input}}",
        parameters=TuneParameters(init_tuned_model=NAME, **parameters),
    )
    return make_plan(
        config=config,
        spec=SPEC,
        task=Classification(),
        method=method,
        rows=make_rows(40),
        validation_rows=validation_rows,
        start=start,
        count_tokens=lambda text: len(text.split()) + 2,
        seconds_per_token=0.0,
    )


def violations(*arguments, **keywords) -> dict[str, str]:
    with pytest.raises(InvalidArgumentError) as caught:
        plan_of(*arguments, **keywords)
    return {
        item.field.removeprefix("tune_experiment.parameters."): item.description for item in caught.value.violations
    }


def test_the_plan_names_the_start_and_takes_the_length_of_its_prompt():
    plan = plan_of()

    assert (plan.parameters.init_method, plan.sources["init_method"]) == (FROM_TUNED_MODEL, "set")
    assert (plan.parameters.init_tuned_model, plan.sources["init_tuned_model"]) == (NAME, "set")
    assert (plan.parameters.num_virtual_tokens, plan.sources["num_virtual_tokens"]) == (7, "tuned_model")
    assert plan.trainable_parameter_count == 7 * SPEC.hidden_size
    assert plan_of(num_virtual_tokens=7).sources["num_virtual_tokens"] == "set"


@pytest.mark.parametrize("init_method", [None, FROM_TUNED_MODEL])
def test_a_method_without_other_init_methods_starts_from_a_tuned_model_too(init_method):
    plan = plan_of(IA3(), start=replace(START, tuning_type="ia3", num_virtual_tokens=0), init_method=init_method)

    assert (plan.parameters.init_method, plan.parameters.num_virtual_tokens) == (FROM_TUNED_MODEL, None)


def test_a_start_of_another_base_model_method_or_weights_is_refused_by_name():
    other = violations(start=replace(START, base_model="llama", tuning_type="ia3"), num_virtual_tokens=9)
    weights = violations(start=replace(START, provenance={"base_model": "0ther"}))
    unable = violations(Scratch(), start=replace(START, tuning_type="scratch"))

    assert set(other) == {"init_tuned_model", "num_virtual_tokens"}
    assert "is 9, but the prompt of tenants/acme/tunedModels/m has 7 vectors" in other["num_virtual_tokens"]
    assert "other weights" in weights["init_tuned_model"]
    assert "scratch cannot start from a tuned model" in unable["init_tuned_model"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_model": "llama"}, "is a model of baseModels/llama, not of"),
        ({"tuning_type": "ia3"}, "is a model of the tuning method ia3, not of prompt_tuning"),
        (
            {"provenance": {"dataset": "own", "init_datasets": " ".join(map(str, range(100)))}},
            "have seen 101 datasets, and at most 100 are remembered",
        ),
    ],
)
def test_a_refused_start_is_explained(change, reason):
    assert reason in violations(start=replace(START, **change))["init_tuned_model"]


def test_held_out_rows_that_the_start_may_know_are_a_warning_unless_a_validation_dataset_replaces_them():
    own = [replace(row, input=f"Other {row.input}") for row in make_rows(10)]

    (warning,) = [item for item in plan_of().warnings if item.code == "HELD_OUT_ROWS_MAY_BE_TRAINED"]
    codes = [item.code for item in plan_of(validation_rows=own).warnings]
    codes += [item.code for item in plan_of(validation_split=0.0).warnings]

    assert f"The run starts from {NAME}, which was tuned on datasets/old." in warning.message
    assert "HELD_OUT_ROWS_MAY_BE_TRAINED" not in codes


@pytest.mark.parametrize("shape", ["bart", "llama"])
@pytest.mark.parametrize("method", [PromptTuning(), IA3()], ids=lambda method: method.id)
def test_a_run_continues_from_the_tensors_of_its_start_also_in_a_refit(shape, method):
    model, rows = tiny_model(shape), make_rows()
    first = make_run(model, rows, make_parameters(), method=method)
    list(tune(first))
    start = first.result().artifact
    make = partial(make_run, model, rows, method=method, start=start)

    fresh = make(make_parameters(learning_rate=1e-8, refit=True))
    list(tune(fresh))

    for name, tensor in fresh.result().artifact.tensors.items():
        torch.testing.assert_close(tensor, start.tensors[name], rtol=0, atol=1e-6)
    assert fresh.result().refitted
    moved = make(make_parameters())
    list(tune(moved))
    assert any(not torch.equal(tensor, start.tensors[name]) for name, tensor in moved.result().artifact.tensors.items())


def test_factors_of_sites_that_a_run_does_not_train_are_refused():
    artifact = Artifact(kind="ia3/1", tensors={"queries": torch.ones(8)}, context_tokens=0)

    with pytest.raises(ArtifactError, match="'queries', which a run of ia3 does not train"):
        IA3().start_from(artifact, tiny_model("bart"), make_parameters())
