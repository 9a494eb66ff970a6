"""No event is lost when a server is killed, and two servers of one database deliver it once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from factories.api import create_experiment, create_webhook, upload
from factories.receivers import FAST, LOOPBACK, Answer, running_receiver
from factories.service_process import ServiceProcess
from factories.stored_webhooks import let_pass
from factories.waiting import wait_until
from foreword.storage.database import Database
from foreword.v1 import tune_experiment_service_pb2, webhook_pb2, webhook_service_pb2

ENVIRONMENT = {
    "FOREWORD_WEBHOOK_ALLOW_HTTP": "true",
    "FOREWORD_WEBHOOK_PORTS": "1-65535",
    "FOREWORD_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
}


def cancel(stubs: Any, experiment: str) -> None:
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=experiment))


def are_delivered(stubs: Any, webhook: str) -> bool:
    request = webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook, page_size=1000)
    found = stubs.webhooks.ListWebhookDeliveries(request).deliveries
    return all(item.state == webhook_pb2.WebhookDelivery.STATE_DELIVERED for item in found)


def test_an_event_survives_a_server_that_is_killed_before_and_while_it_is_sent(start_server, tmp_path: Path):
    with running_receiver() as receiver:
        receiver.otherwise = Answer(wait_seconds=10.0)
        with ServiceProcess(tmp_path / "home", environment=ENVIRONMENT) as service:
            stubs = service.stubs("dev")
            webhook = create_webhook(stubs, receiver.url)
            dataset = upload(stubs).name
            first, second = (create_experiment(stubs, dataset).name for _ in range(2))
            cancel(stubs, first)
            receiver.wait()  # it is being sent, and has no answer yet
            cancel(stubs, second)  # acknowledged, so its event is stored
            os.kill(service.pid, signal.SIGKILL)
        receiver.otherwise = Answer()
        interrupted = {item.id for item in receiver.received}
        database = Database(tmp_path / "home" / "foreword.db")
        let_pass(database, timedelta(minutes=2))  # the leases of the dead server expire
        database.close()
        stubs = start_server(home=tmp_path / "home", delivery_times=FAST, **LOOPBACK).stubs()
        wait_until(lambda: are_delivered(stubs, webhook.name))

        told = {item.verified(webhook.secret)["data"]["resource"] for item in receiver.received}
        counts = Counter(item.id for item in receiver.received)
    assert told == {first, second}
    assert len(counts) == 2, "an event keeps its id"
    assert all(counts[id] == 2 for id in interrupted)


def test_two_servers_of_one_database_deliver_every_event_once(start_server, postgres_server_url: str):
    url = make_url(postgres_server_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE webhooks"))
    engine.dispose()
    shared = {"database_url": url.set(database="webhooks").render_as_string(hide_password=False)}
    servers = [start_server(delivery_times=FAST, **shared, **LOOPBACK) for _ in range(2)]
    with running_receiver() as receiver:
        receiver.otherwise = Answer(wait_seconds=0.01)
        receiver.answers = [Answer(500)] * 3
        stubs = [server.stubs(servers[0].new_key("acme")) for server in servers]
        webhook = create_webhook(stubs[0], receiver.url)
        dataset = upload(stubs[0]).name
        experiments = [create_experiment(stubs[0], dataset).name for _ in range(30)]
        for number, experiment in enumerate(experiments):
            cancel(stubs[number % 2], experiment)
        wait_until(lambda: are_delivered(stubs[1], webhook.name))

    told = Counter(item.event["data"]["resource"] for item in receiver.received)
    assert set(told) == set(experiments)
    assert sum(told.values()) == 30 + 3, "only the refused attempts are repeated"
