"""The product's main job: tune, deploy and serve, over gRPC, on the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factories.services import sample_rows
from foreword.client import Client, EvaluatedSystem, frames
from foreword.domain.job import JobState
from foreword.errors import InvalidArgumentError, NotFoundError

QUICK = {"num_epochs": 3, "batch_size": 8, "seed": 1, "refit": False}


@pytest.fixture(scope="session")
def tuned(service) -> str:
    """A model, tuned as by a user."""
    with service.client() as client:
        experiment = client.tune(
            sample_rows(60), display_name="Scenario", init_method="text", init_text="Route it.", **QUICK
        )
        done = client.wait_for_experiment(experiment)
        assert done.state is JobState.SUCCEEDED
        return done.tuned_model


@pytest.fixture(scope="session")
def scaled(service) -> str:
    """A model tuned by IA3."""
    with service.client() as client:
        experiment = client.tune(sample_rows(60), display_name="Factors", tuning_type="ia3", **QUICK)
        done = client.wait_for_experiment(experiment)
        assert done.state is JobState.SUCCEEDED
        return done.tuned_model


def test_an_experiment_has_its_plan_its_curve_and_its_evaluation(client: Client, tuned: str) -> None:
    model = client.get_tuned_model(tuned)
    experiment = client.get_tune_experiment(model.tune_experiment)

    assert experiment.plan.sources["num_epochs"] == "set"
    assert experiment.plan.sources["learning_rate"] == "recipe"
    assert experiment.snapshots[-1].step == experiment.plan.planned_updates
    assert [item.sequence for item in experiment.snapshots] == list(range(1, len(experiment.snapshots) + 1))
    assert {item.system for item in experiment.evaluations} >= {"tuned", "base_zero_shot", "base_three_shot"}
    assert experiment.curve_advice
    assert experiment.capacity_unit_hours > 0


def test_a_run_is_read_as_frames(client: Client, tuned: str) -> None:
    experiment = client.get_tune_experiment(client.get_tuned_model(tuned).tune_experiment)
    evaluation = experiment.evaluations[0]

    compared = frames.evaluations(experiment)
    assert compared.loc["tuned", evaluation.main_metric] == evaluation.metrics[evaluation.main_metric]
    assert compared.loc["tuned", "mean_tokens"] < compared.loc["base_three_shot", "mean_tokens"]
    assert list(frames.snapshots(experiment)["loss"]) == [item.loss for item in experiment.snapshots]
    assert len(frames.examples(evaluation)) == len(evaluation.examples) > 0
    assert {item.id for item in evaluation.parts} == {
        item.id for item in evaluation.parts if not frames.part(item).empty
    }
    listed = frames.experiments([experiment, *client.list_tune_experiments(limit=1)])
    assert listed.loc[0, evaluation.main_metric] == evaluation.metrics[evaluation.main_metric]
    assert listed.loc[0, "epochs"] == 3


def test_a_model_is_evaluated_beside_its_base_on_new_rows(client: Client, tuned: str) -> None:
    base = EvaluatedSystem(model="baseModels/foreword--starter", shots=3, constrained=True)

    evaluation = client.evaluate(sample_rows(90)[60:], [tuned, base], display_name="New rows")

    results = frames.results(evaluation)
    rows = list(client.list_evaluation_rows(evaluation))
    main = evaluation.results[0].main_metric
    assert list(results.index) == ["tuned", "base_three_shot_constrained"]
    assert results.loc["tuned", f"{main}_lower"] <= results.loc["tuned", main] <= results.loc["tuned", f"{main}_upper"]
    assert results.loc["tuned", "mean_tokens"] < results.loc["base_three_shot_constrained", "mean_tokens"]
    assert frames.calibration(evaluation)["row_count"].sum() == 2 * 30
    assert [row.row for row in rows] == list(range(1, 31))
    assert sum(row.answers[0].score for row in rows) / 30 == pytest.approx(results.loc["tuned", main])
    assert len(list(client.list_evaluation_rows(evaluation, selection="different"))) == evaluation.differing_row_count
    # The answers are those of inference.
    first = rows[0]
    assert ", ".join(client.classify(tuned, first.input).labels) == first.answers[0].answer


def test_repeated_names_get_ascending_numbers(client: Client) -> None:
    dataset = client.upload_dataset(sample_rows(20), display_name="names")
    names = [
        client.create_tune_experiment(dataset, display_name="Twin").display_name,
        client.create_tune_experiment(dataset, display_name="Twin").display_name,
    ]
    for experiment in client.list_tune_experiments():
        if experiment.display_name.startswith("Twin"):
            client.cancel_tune_experiment(experiment)

    assert names == ["Twin (1)", "Twin (2)"]


def test_a_deployment_serves_is_updated_and_rolled_back(client: Client, tuned: str) -> None:
    deployment = client.create_deployment(tuned, serving_name="flips")
    first = client.classify("flips", "Two screws are missing from the box.")
    client.update_deployment(deployment, model="baseModels/foreword--starter")
    base = client.generate("flips", "Two screws are missing from the box.", max_new_tokens=5)
    client.rollback_deployment(deployment)
    again = client.classify("flips", "Two screws are missing from the box.")
    client.delete_deployment(deployment)

    assert first.labels
    assert first.usage.soft_prompt_tokens > 0
    assert base.usage.soft_prompt_tokens == 0
    assert again.label_probabilities == pytest.approx(first.label_probabilities, abs=1e-4)
    with pytest.raises(NotFoundError):
        client.classify("flips", "gone")


def test_generate_and_classify_agree_and_streams_carry_the_same_text(client: Client, tuned: str) -> None:
    text = "The lid was cracked although the carton looked fine."
    answer = client.generate(tuned, text)

    assert answer.text == ", ".join(client.classify(tuned, text).labels)
    pieces = list(client.stream_generate(tuned, text))
    assert "".join(piece.text for piece in pieces) == answer.text


def test_ia3_is_tuned_deployed_and_served_beside_a_prompt(client: Client, tuned: str, scaled: str) -> None:
    model = client.get_tuned_model(scaled)
    experiment = client.get_tune_experiment(model.tune_experiment)
    deployment = client.create_deployment(scaled, serving_name="factors")
    text = "Two screws are missing from the box."

    answers = [client.classify(name, text) for name in ("factors", tuned, "factors")]
    texts = [client.generate(name, text).text for name in (scaled, tuned)]
    client.delete_deployment(deployment)

    assert experiment.plan.trainable_parameter_count == 26_112
    assert experiment.plan.parameters.num_virtual_tokens is None
    assert experiment.snapshots[-1].loss < experiment.snapshots[0].loss
    assert (model.tuning_type, model.num_virtual_tokens) == ("ia3", 0)
    assert [answer.usage.soft_prompt_tokens > 0 for answer in answers] == [False, True, False]
    assert answers[0].label_probabilities == pytest.approx(answers[2].label_probabilities, abs=1e-4)
    assert answers[0].label_probabilities != pytest.approx(answers[1].label_probabilities, abs=1e-2)
    assert texts == [", ".join(answer.labels) for answer in answers[:2]]


def test_parameters_that_a_tuning_method_does_not_use_are_refused_by_name(client: Client) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        client.tune(sample_rows(20), tuning_type="ia3", num_virtual_tokens=8, init_text="Route it.")

    assert {violation.field.rpartition(".")[2] for violation in caught.value.violations} == {
        "num_virtual_tokens", "init_text",
    }  # fmt: skip


def test_peft_reads_an_exported_adapter(client: Client, tuned: str, tmp_path: Path) -> None:
    client.export_tuned_model(tuned, tmp_path)

    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["peft_type"] == "PROMPT_TUNING"
    assert (tmp_path / "adapter_model.safetensors").stat().st_size > 1000


def test_peft_reads_exported_factors(client: Client, scaled: str, tmp_path: Path) -> None:
    client.export_tuned_model(scaled, tmp_path)

    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["peft_type"] == "IA3"
    assert len(config["feedforward_modules"]) == 10
    assert len(config["target_modules"]) == 38
