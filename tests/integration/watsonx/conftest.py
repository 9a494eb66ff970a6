"""A client of IBM's shape in a tenant of its own, and a tuned model that was tuned by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.servers import RunningServer, ServerFactory
from foreword.watsonx import APIClient
from foreword.watsonx.experiment import TuneExperiment
from foreword.watsonx.foundation_models import PromptTuner
from foreword.watsonx.helpers import DataConnection

REVIEWS = Path(__file__).parents[2] / "data" / "reviews.json"


@pytest.fixture(scope="module")
def server(start_server: ServerFactory) -> RunningServer:
    """A server of its own: hand-made tuning takes whatever is queued first."""
    return start_server()


@pytest.fixture(scope="module")
def project_id() -> str:
    return f"watsonx-{time.time_ns()}"


@pytest.fixture(scope="module")
def client(server: RunningServer, project_id: str) -> Iterator[APIClient]:
    credentials = {"url": server.endpoint, "apikey": server.new_key(project_id)}
    with APIClient(credentials, project_id=project_id) as connected:
        yield connected


@pytest.fixture(scope="module")
def experiment(client: APIClient) -> TuneExperiment:
    return TuneExperiment(api_client=client)


@pytest.fixture(scope="module")
def training_data(client: APIClient) -> list[DataConnection]:
    details = client.data_assets.create(name="reviews.json", file_path=REVIEWS)
    return [DataConnection(data_asset_id=client.data_assets.get_id(details))]


@pytest.fixture(scope="module")
def tuned(
    server: RunningServer, client: APIClient, experiment: TuneExperiment, training_data: list[DataConnection]
) -> PromptTuner:
    tuner = experiment.prompt_tuner(name="by hand", task_id=experiment.Tasks.CLASSIFICATION)
    tuner.run(training_data, background_mode=True)
    server.tune_by_hand(f"{client.foreword.tenant}/tuneExperiments/{tuner.id}")
    return tuner
