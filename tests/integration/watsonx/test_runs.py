import pytest

from foreword.client import TaskOptions
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.watsonx import APIClient, Credentials
from foreword.watsonx.experiment import TuneExperiment
from foreword.watsonx.findings import FindingWarning
from foreword.watsonx.foundation_models.utils.enums import ModelTypes
from foreword.watsonx.helpers import DataConnection
from foreword.watsonx.names import resource_id
from foreword.watsonx.wml_client_error import WMLClientError


def test_a_project_is_the_tenant_of_the_key(client, project_id):
    assert client.set.default_project(project_id) == "SUCCESS"
    assert client.default_project_id == project_id
    with pytest.raises(WMLClientError, match=f"Set project_id to '{project_id}'"):
        client.set.default_project("7ac03029-8bdd-4d5f-a561-2c4fd1e40705")


def test_spaces_and_wrong_keys_are_told(client, server):
    assert client.set.default_space("default") == "SUCCESS"
    with pytest.raises(NotFoundError):
        client.set.default_space("nowhere")
    with pytest.raises(WMLClientError, match="key"):
        APIClient(Credentials(url=server.endpoint, api_key="wrong"), project_id="dev")


def test_data_assets_are_listed_described_and_deleted(client, training_data, tmp_path):
    path = tmp_path / "more.jsonl"
    path.write_text("".join(f'{{"input": "Text number {n}", "output": "{n % 2}"}}\n' for n in range(30)))
    details = client.data_assets.create(name="more", file_path=str(path))
    id = client.data_assets.get_id(details)
    listed = client.data_assets.list()

    assert list(listed.columns) == ["NAME", "ASSET_TYPE", "SIZE", "ASSET_ID"]
    assert {id, training_data[0].data_asset_id} <= set(listed["ASSET_ID"])
    assert client.data_assets.get_details(id)["entity"]["data_asset"]["row_count"] == 30
    assert client.data_assets.delete(id) == "SUCCESS"
    with pytest.raises(NotFoundError):
        client.data_assets.get_details(id)


def test_tunable_models_are_shown_with_their_aliases(client, capsys):
    client.foundation_models.PromptTunableModels.show()

    assert "'FLAN_T5_XL': 'google/flan-t5-xl'" in capsys.readouterr().out
    assert client.foundation_models.PromptTunableModels.STARTER == "foreword/starter"


def test_a_run_in_the_background_waits_is_listed_and_is_cancelled(experiment, training_data, capsys):
    tuner = experiment.prompt_tuner(
        name="background",
        task_id="classification",
        base_model=ModelTypes.FLAN_T5_XL,
        init_method="text",
        init_text="Is the customer satisfied?",
        accumulate_steps=16,
        batch_size=8,
        tuning_type=experiment.PromptTuningTypes.PT,
    )
    with pytest.raises(FailedPreconditionError, match=r"Call run\(\) first"):
        tuner.get_run_status()

    with pytest.warns(FindingWarning, match="makes 20 updates"):
        details = tuner.run(training_data, background_mode=True)
    waiting = tuner.get_run_status()
    tuner.cancel_run()
    listed = experiment.runs(filter="background").list()

    assert details["entity"]["status"]["state"] == waiting == "pending"
    assert details["entity"]["prompt_tuning"]["base_model"]["model_id"] == "foreword/starter"
    assert "BASE_MODEL_ALIAS" in {item["code"] for item in details["entity"]["plan"]["warnings"]}
    assert "google/flan-t5-xl is an alias" in capsys.readouterr().out
    assert tuner.get_run_status() == "canceled"
    assert listed[["run_id", "state", "tuning name"]].to_numpy().tolist() == [
        [tuner.id, "canceled", details["metadata"]["name"]]
    ]
    with pytest.raises(FailedPreconditionError, match="is canceled, so it has no model"):
        tuner.get_model_id()


def test_a_run_of_the_past_is_found_by_its_id(experiment, tuned):
    again = experiment.runs.get_tuner(tuned.id)

    assert again.get_model_id() == tuned.get_model_id()
    assert experiment.runs.get_run_details(tuned.id)["entity"]["status"]["state"] == "completed"
    assert tuned.get_run_details(include_metrics=True)["entity"]["status"]["metrics"] == []
    assert tuned.id in set(experiment.runs.list()["run_id"])


def test_a_run_that_is_repeated_keeps_what_it_was_started_with_elsewhere(client, experiment, training_data):
    options = TaskOptions(labels=("0", "1", "2"), multi_label=True, separator=";")
    first = client.foreword.create_tune_experiment(
        training_data[0].data_asset_id,
        display_name="from elsewhere",
        task="classification",
        task_options=options,
        instruction="Satisfied?",
        evaluate_base=False,
    )

    again = experiment.runs.get_tuner(resource_id(first.name))
    again.run(training_data, background_mode=True)
    second = client.foreword.get_tune_experiment(again.id)
    again.cancel_run()

    assert second.name != first.name
    assert (second.task_options, second.instruction, second.evaluate_base) == (options, "Satisfied?", False)


def test_a_task_that_is_not_installed_is_refused_by_name(experiment, training_data):
    tuner = experiment.prompt_tuner(name="code", task_id=experiment.Tasks.CODE_GENERATION_AND_CONVERSION)

    with pytest.raises(InvalidArgumentError, match="'code' is not installed"):
        tuner.run(training_data)


@pytest.mark.parametrize("asked", [{"auto_update_model": False}, {"group_by_name": True}])
def test_what_the_service_does_not_do_is_refused_by_name(experiment, asked):
    with pytest.raises(InvalidArgumentError, match=next(iter(asked))):
        experiment.prompt_tuner(name="x", task_id="classification", **asked)


def test_several_files_and_a_place_for_results_are_refused(experiment, training_data):
    tuner = experiment.prompt_tuner(name="x", task_id="classification")

    with pytest.raises(InvalidArgumentError, match="exactly one DataConnection"):
        tuner.run([*training_data, *training_data])
    with pytest.raises(InvalidArgumentError, match="training_results_reference"):
        tuner.run(training_data, DataConnection(data_asset_id="x"))


def test_credentials_or_a_client_are_needed():
    with pytest.raises(InvalidArgumentError, match="credentials"):
        TuneExperiment()
