"""Drift of the requests of deployments, with real servers and training data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import update

from factories.api import create_experiment, make_file, to_jsonl, upload
from factories.captures import see
from factories.logs import captured_logs
from factories.scrapes import scrape
from factories.servers import RunningServer
from foreword.client import CapturePolicy, Client, Deployment, DriftKind, DriftMeasure, DriftReport, DriftVerdict
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.names import DeploymentName
from foreword.storage.captures.drift import DriftSchedule
from foreword.storage.captures.ledger import CaptureLedger
from foreword.storage.tables import DriftReportRow

LABELS = ("Planning", "Service", "Warehouse", "Marketing")
DRIFTED, STABLE = DriftVerdict.DRIFTED, DriftVerdict.STABLE
_names = count(1)


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server(metrics=True, metrics_port=0)


@pytest.fixture(scope="module")
def client(server):
    with Client(server.endpoint, "dev") as connected:
        yield connected


def complaint(number: int) -> str:
    """A complaint like those of `make_file`."""
    return f"Complaint number {number} about {LABELS[number % 4].lower()} matters"


def deploy(server: RunningServer, client: Client, *, calibrated: bool = True, rows: int = 120) -> Deployment:
    """Deploy a model that was tuned on complaints like `complaint`, with answers of a good model to held-out rows."""
    calibration = AnswerCalibration(
        temperature=1.0,
        source=CalibrationSource.HELD_OUT,
        row_count=60,
        fitted_row_count=60,
        expected_calibration_error_before=0.1,
        expected_calibration_error_after=0.1,
        kept_answers=tuple([[LABELS[place % 4]], 0.8 + 0.001 * (place % 9)] for place in range(60)),
    )
    stubs = server.stubs()
    number = next(_names)
    experiment = create_experiment(stubs, upload(stubs, make_file(rows)).name)
    model = server.tune_by_hand(
        experiment.name, text=f"Route complaint {number}:", calibration=calibration if calibrated else None
    )
    return client.create_deployment(model, serving_name=f"drifting-{number}", capture=CapturePolicy(share=1.0))


def capture(
    server: RunningServer,
    client: Client,
    deployment: Deployment,
    texts: Sequence[str],
    *,
    labels: Sequence[str] = LABELS,
    probability: float = 0.8,
) -> None:
    """Store requests as if the deployment had answered them."""
    requests = [
        see(
            f"{next(_names)}",
            model=deployment.model,
            input=text,
            output=labels[place % len(labels)],
            labels=(labels[place % len(labels)],),
            probability=probability,
            threshold=0.0,
            abstained=False,
        )
        for place, text in enumerate(texts)
    ]
    name = DeploymentName.parse(deployment.name)
    created = client.get_deployment(deployment).create_time
    CaptureLedger(server.database, max_tenant_bytes=10**9).add(name, created, requests)


def by_kind(report: DriftReport) -> dict[DriftKind, DriftMeasure]:
    return {item.kind: item for item in report.measures}


def test_requests_like_the_training_rows_have_not_drifted_and_others_have(server, client):
    deployment = deploy(server, client)
    capture(server, client, deployment, [complaint(number) for number in range(150)])

    same = client.measure_drift(deployment)
    capture(
        server,
        client,
        deployment,
        [f"My invoice {number} lists a discount that was never granted to us" for number in range(150)],
        labels=["Service"],
        probability=0.5,
    )
    changed = client.measure_drift(deployment)

    assert same.verdict is STABLE
    assert (same.model, same.request_count) == (deployment.model, 150)
    assert {item.verdict for item in same.measures} == {STABLE}
    assert by_kind(same)[DriftKind.INPUT_WORDS].reference_count == 120
    assert (changed.verdict, changed.request_count) == (DRIFTED, 300)
    kinds = {item.kind for item in changed.measures if item.verdict is DRIFTED}
    assert kinds == {DriftKind.INPUT_LENGTH, DriftKind.INPUT_WORDS, DriftKind.ANSWERS, DriftKind.CONFIDENCE}
    words = by_kind(changed)[DriftKind.INPUT_WORDS]
    assert words.tolerance < words.lower < words.value
    assert words.p_value < 0.001
    assert {"invoice", "discount"} & {item.name for item in words.changes}
    assert client.measure_drift(deployment, max_requests=100).request_count == 100
    later = datetime.now(UTC) + timedelta(hours=1)
    assert client.measure_drift(deployment, since=later).verdict is DriftVerdict.NOT_ENOUGH


def test_placeholders_of_the_redaction_are_no_drift(server, client):
    """Captured texts are redacted, and training texts are not."""
    stubs = server.stubs()
    rows = [{"input": f"Call jane{number}@example.com about it", "output": LABELS[number % 2]} for number in range(120)]
    experiment = create_experiment(stubs, upload(stubs, to_jsonl(rows)).name)
    model = server.tune_by_hand(experiment.name, text=f"Route complaint {next(_names)}:")
    deployment = client.create_deployment(model, serving_name="redacted", capture=CapturePolicy(share=1.0))
    capture(server, client, deployment, ["Call [e-mail] about it"] * 120, labels=LABELS[:2])

    measures = by_kind(client.measure_drift(deployment))

    assert measures[DriftKind.INPUT_WORDS].value == pytest.approx(0.0, abs=0.005)
    assert measures[DriftKind.INPUT_LENGTH].verdict is STABLE
    # Without held-out answers, the outputs of the training rows are what answers are compared with.
    assert (measures[DriftKind.ANSWERS].verdict, measures[DriftKind.ANSWERS].reference_count) == (STABLE, 120)
    assert measures[DriftKind.CONFIDENCE].verdict is DriftVerdict.NO_REFERENCE


def test_training_rows_that_were_deleted_are_still_compared_with_if_they_were_read_before(server, client):
    read, unread = deploy(server, client), deploy(server, client)
    client.measure_drift(read)
    for deployment in (read, unread):
        dataset = client.get_tuned_model(deployment.model).dataset
        client.delete_dataset(dataset)
        capture(server, client, deployment, [complaint(number) for number in range(120)])

    assert by_kind(client.measure_drift(read))[DriftKind.INPUT_WORDS].verdict is STABLE
    inputs = by_kind(client.measure_drift(unread))
    assert inputs[DriftKind.INPUT_WORDS].verdict is DriftVerdict.NO_REFERENCE
    assert inputs[DriftKind.ANSWERS].verdict is STABLE


def test_only_requests_of_the_model_in_service_count(server, client):
    deployment, other = deploy(server, client), deploy(server, client)
    capture(server, client, deployment, [complaint(number) for number in range(120)])

    client.update_deployment(deployment, model=other.model)

    report = client.measure_drift(deployment)
    assert (report.model, report.request_count, report.verdict) == (other.model, 0, DriftVerdict.NOT_ENOUGH)


def test_a_base_model_has_no_training_data_and_values_out_of_range_are_refused(server, client):
    base = client.create_deployment("baseModels/foreword--starter", serving_name=f"base-{next(_names)}")

    with pytest.raises(FailedPreconditionError, match="serves a base model") as raised:
        client.measure_drift(base)
    assert raised.value.reason == "NO_TRAINING_DATA"
    with pytest.raises(InvalidArgumentError, match="max_requests"):
        client.measure_drift(base, max_requests=50)


def let_reports_be_due(server: RunningServer) -> None:
    with server.database.write() as session:
        session.execute(update(DriftReportRow).values(due_time=datetime(2020, 1, 1, tzinfo=UTC)))


def test_drift_is_measured_at_intervals_for_metrics(server, client):
    deployment, quiet = deploy(server, client), deploy(server, client)
    silent = client.update_deployment(deploy(server, client), capture=CapturePolicy())
    draw = random.Random(0)
    words = ["refund", "voucher", "account", "invoice", "discount"]
    new = [" ".join(draw.choices(words, k=6)) for _ in range(120)]
    capture(server, client, deployment, new)
    capture(server, client, quiet, [complaint(number) for number in range(120)])

    def gauge(name: str, of: Deployment, **labels: str) -> float:
        found = scrape(server.metrics.port)
        return found.value(name, tenant="dev", deployment=of.serving_name, **labels)

    with captured_logs() as logs:
        server.measure_drift()

    assert gauge("foreword_drift_detected", deployment) == 1
    assert gauge("foreword_drift_requests", deployment) == 120
    assert gauge("foreword_drift", deployment, measure="input_words") > 0.1
    assert gauge("foreword_drift_detected", quiet) == 0
    assert -0.02 < gauge("foreword_drift", quiet, measure="input_words") < 0.02
    assert silent.serving_name not in scrape(server.metrics.port).labels("foreword_drift_detected", "deployment")
    assert [log for log in logs if log["event"] == "drift_detected"] == [], "a single look may be wrong"

    # Four looks in a row confirm the drift.
    with captured_logs() as logs:
        for number in range(3):
            capture(server, client, deployment, [f"{new[number]} again"])
            let_reports_be_due(server)
            server.measure_drift()
    logged = [(log["deployment"], log["measures"]) for log in logs if log["event"] == "drift_detected"]
    assert logged == [(deployment.name, ["input_length", "input_words"])]

    # It is measured again when it is due and there are new requests.
    capture(server, client, quiet, new)
    server.measure_drift()
    assert gauge("foreword_drift_detected", quiet) == 0
    let_reports_be_due(server)
    server.measure_drift()
    assert gauge("foreword_drift_detected", quiet) == 1
    client.update_deployment(quiet, capture=CapturePolicy())
    assert gauge("foreword_drift_detected", quiet) == 0


def test_two_servers_share_the_measurements(server, client):
    deployment = deploy(server, client)
    capture(server, client, deployment, [complaint(number) for number in range(120)])
    schedule = DriftSchedule(server.database)

    first, second = schedule.take_due(), schedule.take_due()

    assert [item.called for item in first] == [deployment.serving_name]
    assert not second


def test_a_large_dataset_is_sampled(server, client):
    deployment = deploy(server, client, rows=2_500)
    capture(server, client, deployment, [complaint(number) for number in range(150)])

    words = by_kind(client.measure_drift(deployment))[DriftKind.INPUT_WORDS]

    assert (words.verdict, words.reference_count) == (STABLE, 834)
