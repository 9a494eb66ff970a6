"""Tenants that tune, deploy and ask, each in threads of its own."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

from foreword.client import Client, Dataset
from foreword.errors import FailedPreconditionError, ForewordError
from foreword.samples import load_rows

BASE: Final = "baseModels/foreword--starter"
SERVING_NAME: Final = "complaints"

_PAUSE_SECONDS = 1.0
_MISTAKE_EVERY = 12
_OVER_HTTP_EVERY = 5
_WRONG_KEY = "fw_nobody_wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a tenant does.

    Attributes:
        sample: Sample that it tunes on, again and again.
        task: Task of the runs.
        num_epochs: Epochs of each run.
    """

    tenant: str
    sample: str
    task: str
    num_epochs: int


WORK: Final = (
    Work(tenant="acme", sample="complaints", task="classification", num_epochs=1),
    Work(tenant="globex", sample="replies", task="generation", num_epochs=4),
    Work(tenant="initech", sample="summaries", task="summarization", num_epochs=4),
)


@contextmanager
def tenants_at_work(endpoint: str, http: str, admin: Client, report: Callable[[str], None]) -> Iterator[None]:
    """Let all tenants work inside `with`.

    Args:
        http: Base URL of OpenAI's interface.
        admin: Client of an administrator, which creates the tenants.
    """
    stop = threading.Event()
    threads = []
    for work in WORK:
        admin.create_tenant(work.tenant)
        tenant = _Tenant(endpoint, http, admin.create_api_key(work.tenant).secret, work, stop, report)
        threads += [threading.Thread(target=tenant.tune), threading.Thread(target=tenant.ask)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _Tenant:
    """A tenant; `tune` and `ask` run in a thread each until `stop` is set."""

    def __init__(
        self, endpoint: str, http: str, key: str, work: Work, stop: threading.Event, report: Callable[[str], None]
    ) -> None:
        self._endpoint, self._http, self._key = endpoint, http, key
        self._work, self._stop, self._report = work, stop, report
        self._deployment = ""

    def tune(self) -> None:
        """Tune and deploy again and again; cancel the last run."""
        try:
            with Client(self._endpoint, self._key) as client:
                name, task = self._work.sample, self._work.task
                dataset = client.upload_dataset(load_rows(name), display_name=name, task=task)
                while not self._stop.is_set():
                    self._tune_once(client, dataset)
        except ForewordError as error:
            self._report(f"{self._work.tenant} cannot tune: {error}")

    def _tune_once(self, client: Client, dataset: Dataset) -> None:
        experiment = client.tune(dataset, task=self._work.task, num_epochs=self._work.num_epochs, evaluate_base=False)
        while not experiment.state.ended:
            if self._stop.wait(1.0):
                with suppress(FailedPreconditionError):  # it has just ended
                    client.cancel_tune_experiment(experiment)
                return
            experiment = client.get_tune_experiment(experiment)
        self._report(f"{self._work.tenant}: a run has {experiment.state.value}.")
        if experiment.tuned_model and self._deployment:
            client.update_deployment(self._deployment, model=experiment.tuned_model)
        elif experiment.tuned_model:
            self._deployment = client.create_deployment(experiment.tuned_model, serving_name=SERVING_NAME).name

    def ask(self) -> None:
        """Send requests, right and wrong ones."""
        chance = Random(self._work.tenant)  # noqa: S311 - a choice of samples
        texts = [row["input"] for row in load_rows("complaints_unseen")]
        with Client(self._endpoint, self._key) as client, Client(self._endpoint, _WRONG_KEY) as stranger:
            for number in itertools.count(1):
                if self._stop.wait(_PAUSE_SECONDS * chance.uniform(0.5, 2)):
                    return
                text = chance.choice(texts)
                with suppress(ForewordError, OSError):
                    if number % _OVER_HTTP_EVERY == 0:
                        self._complete_over_http(text, "typo" if chance.random() < 1 / _MISTAKE_EVERY else BASE)
                    elif number % _MISTAKE_EVERY == 0:
                        self._err(client, stranger, text, chance)
                    elif not self._deployment or number % 4 == 0:
                        client.generate(BASE, text, max_new_tokens=chance.randint(4, 16))
                    elif self._work.task == "classification":
                        client.classify(SERVING_NAME, text)
                    else:
                        client.generate(SERVING_NAME, text, max_new_tokens=24)

    def _complete_over_http(self, text: str, model: str) -> None:
        body = json.dumps({"model": model, "prompt": text, "max_tokens": 8}).encode()
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        request = Request(f"{self._http}/completions", body, headers)  # noqa: S310 - an address of this program
        build_opener(ProxyHandler({})).open(request, timeout=60).close()

    def _err(self, client: Client, stranger: Client, text: str, chance: Random) -> None:
        match chance.randrange(3):
            case 0:
                client.generate("typo", text)
            case 1:
                client.generate(BASE, text, temperature=-1.0)
            case _:
                stranger.who_am_i()
