# Generated from `_async/client.py` by `unasync.py`. Change that file, then run: make client

"""The asynchronous client."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

from foreword.client._sync.audit import AuditMethods
from foreword.client._sync.batch_jobs import BatchJobMethods
from foreword.client._sync.captures import CaptureMethods
from foreword.client._sync.catalog import CatalogMethods
from foreword.client._sync.comparisons import TuneComparisonMethods
from foreword.client._sync.connection import Connection
from foreword.client._sync.deployments import DeploymentMethods
from foreword.client._sync.exports import ExportMethods
from foreword.client._sync.inference import InferenceMethods
from foreword.client._sync.rollouts import RolloutMethods
from foreword.client._sync.saved_prompts import SavedPromptMethods
from foreword.client._sync.sweeps import TuneSweepMethods
from foreword.client._sync.tenants import TenantMethods
from foreword.client._sync.usage import UsageMethods
from foreword.client._sync.webhooks import WebhookMethods
from foreword.client.endpoint import DEFAULT_ENDPOINT, ClientCertificate, Tls
from foreword.client.keepalive import DEFAULT_KEEPALIVE_SECONDS, DEFAULT_KEEPALIVE_TIMEOUT_SECONDS


class Client(
    TuneSweepMethods,
    TuneComparisonMethods,
    DeploymentMethods,
    BatchJobMethods,
    ExportMethods,
    RolloutMethods,
    CaptureMethods,
    InferenceMethods,
    SavedPromptMethods,
    CatalogMethods,
    TenantMethods,
    UsageMethods,
    WebhookMethods,
    AuditMethods,
):
    """A client of a Foreword service. It is safe to share between threads. Call `close`, or use it in a `with` block.

    Every RPC of the API is a method of the same name in snake case, such as `create_tune_experiment`. `tune`, `sweep`,
    `evaluate`, `batch`, `save_prompt`, `wait_for_experiment`, `wait_for_sweep`, `wait_for_evaluation`,
    `wait_for_batch_job`, `wait_for_deployment`, `plot_learning_curve`, `plot_sweep`, `plot_comparison`,
    `plot_evaluation`, `plot_dataset`, `export_to_mlflow`, `export_evaluations_to_mlflow` and `export_to_tensorboard`
    build on them. A resource can be passed as the object that another method returned, as its name, as its id (the last
    part of its name), or as a display name that no other resource of its kind has; an id takes precedence over a
    display name. Calls that are safe to repeat are repeated while the service is unavailable or asks for it. All errors
    are those of `foreword.errors`.

        with foreword.Client() as client:
            experiment = client.wait_for_experiment(client.tune("complaints.jsonl"))
            client.create_deployment(experiment.tuned_model, serving_name="complaints")
            answer = client.classify("complaints", "Where are my extra sheets?")
            print(answer.labels)

    Args:
        endpoint: `HOST:PORT`, which uses TLS except on loopback, or the same after `http://` or `https://`.
            Default: FOREWORD_ENDPOINT, or 127.0.0.1:50051 if it is not set.
        api_key: Secret of the key, or a token of an issuer that the service accepts. Default: FOREWORD_API_KEY.
        token: Returns a token, for example from a library of its issuer that renews it; called at the beginning of each
            call, so that it should return quickly. It takes the place of `api_key`. Default: none.
        timeout_seconds: Time limit of a unary call, including repetitions.
        retry_seconds: Time for which a call is repeated while the service is unavailable.
        tls: True or False to force TLS on or off; a path or PEM bytes to trust these certificates. Default: as the
            endpoint says, with the certificates of FOREWORD_TLS_CA or, if it is not set, of the system.
        tls_client: Paths of the client's certificate chain and of its private key, for services that ask for it.
            Default: those in FOREWORD_TLS_CLIENT_CERTIFICATE and FOREWORD_TLS_CLIENT_KEY, or none.
        keepalive_seconds: Silence after which the client pings the service; 0 to disable pings.
        keepalive_timeout_seconds: Time without an answer to a ping after which the connection counts as dead, and calls
            on it are repeated or fail with UnavailableError.

    Raises:
        InvalidArgumentError: The endpoint is malformed, or a keepalive time is out of range.
        UnauthenticatedError: The key contains characters that no key has.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        *,
        token: Callable[[], str] | None = None,
        timeout_seconds: float = 60.0,
        retry_seconds: float = 15.0,
        tls: Tls = None,
        tls_client: ClientCertificate = None,
        keepalive_seconds: float = DEFAULT_KEEPALIVE_SECONDS,
        keepalive_timeout_seconds: float = DEFAULT_KEEPALIVE_TIMEOUT_SECONDS,
    ) -> None:
        self._connection = Connection(
            endpoint=endpoint or os.environ.get("FOREWORD_ENDPOINT") or DEFAULT_ENDPOINT,
            api_key=token or (os.environ.get("FOREWORD_API_KEY", "") if api_key is None else api_key),
            timeout_seconds=timeout_seconds,
            retry_seconds=retry_seconds,
            tls=tls,
            tls_client=tls_client,
            keepalive_seconds=keepalive_seconds,
            keepalive_timeout_seconds=keepalive_timeout_seconds,
        )

    @property
    def endpoint(self) -> str:
        """Address of the service."""
        return self._connection.endpoint

    def for_caller(self, api_key: str, *, forwarded_for: str = "", request_id: str = "") -> Self:
        """Return a client of another caller on the same connection, for a program that passes requests on.

        The service takes the caller's address from `forwarded_for` only if it trusts this program: over the Unix socket
        of `foreword serve`, or from an address in FOREWORD_TRUSTED_PROXIES. The connection stays open until this client
        is closed.

        Args:
            api_key: Secret of the caller's key; empty to send none.
            forwarded_for: Addresses of the caller and of the proxies before this program, separated by commas.
            request_id: Id of the caller's request, for the service's log. Default: each call gets one.

        Raises:
            UnauthenticatedError: The key contains characters that no key has.
        """
        client = copy.copy(self)
        client._connection = self._connection.for_caller(api_key, forwarded_for=forwarded_for, request_id=request_id)
        client._tenant = ""
        return client

    def close(self) -> None:
        """End all calls and close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
