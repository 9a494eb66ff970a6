"""The receiver in the guide about webhooks: it verifies what the service sends, and refuses what others send."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

from factories.api import create_experiment, create_webhook, upload
from factories.ports import free_port
from factories.receivers import FAST, LOOPBACK
from factories.servers import running_servers
from factories.waiting import wait_until
from foreword.v1 import tune_experiment_service_pb2, webhook_pb2, webhook_service_pb2

GUIDE = Path(__file__).parents[2] / "deploy" / "webhooks.md"


@contextmanager
def running(folder: Path, port: int, secret: str) -> Iterator[Queue[str]]:
    """Run the receiver of the guide; yield the lines that it prints."""
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (folder / "receiver.py").write_text(program)
    process = subprocess.Popen(
        [sys.executable, folder / "receiver.py", str(port)],
        env={**os.environ, "FOREWORD_WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines: Queue[str] = Queue()
    reader = Thread(target=lambda: [lines.put(line.strip()) for line in process.stdout], daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait()
        reader.join()
        process.stdout.close()


def test_the_receiver_of_the_guide_shows_an_event_once_and_refuses_a_forged_one(tmp_path: Path):
    port = free_port()
    with running_servers(tmp_path) as start_server:
        stubs = start_server(delivery_times=FAST, **LOOPBACK).stubs()
        webhook = create_webhook(stubs, f"http://127.0.0.1:{port}/")
        request = webhook_service_pb2.TestWebhookRequest(name=webhook.name)
        with running(tmp_path, port, webhook.secret) as lines:
            wait_until(lambda: stubs.webhooks.TestWebhook(request).attempt.status == 204)
            assert lines.get(timeout=60) == f"webhook.test {webhook.name}"
            name = create_experiment(stubs, upload(stubs).name).name
            stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=name))
            assert lines.get(timeout=60) == f"tune_experiment.cancelled {name}"
            listing = webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook.name)

            def delivered(attempts: int) -> bool:
                (found,) = stubs.webhooks.ListWebhookDeliveries(listing).deliveries
                return (found.state, found.attempts) == (webhook_pb2.WebhookDelivery.STATE_DELIVERED, attempts)

            wait_until(lambda: delivered(1))
            (delivery,) = stubs.webhooks.ListWebhookDeliveries(listing).deliveries
            stubs.webhooks.RedeliverWebhookDelivery(
                webhook_service_pb2.RedeliverWebhookDeliveryRequest(name=delivery.name)
            )
            wait_until(lambda: delivered(2))

            assert status_of_a_forged_event(port) == 400
            assert lines.empty()


def status_of_a_forged_event(port: int) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        data=b'{"type":"rollout.promoted","data":{"resource":"x"}}',
        headers={"webhook-id": "evt-1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
