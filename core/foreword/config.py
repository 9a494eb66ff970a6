"""Settings, which are read once when a process starts. Command-line flags override the environment and defaults.

The environment variable of a setting `name` is `FOREWORD_NAME`. `make settings` writes the reference to
`deploy/settings.md`.
"""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from foreword.domain.client_certificate import CertificateIdentity
from foreword.domain.dataset import MAX_DATASET_BYTES
from foreword.domain.oidc import OidcIssuer
from foreword.domain.quota import Quotas

DEFAULT_PORT = 50051

DEV_BASE_MODEL_ALIASES = {
    id.replace("/", "--"): "foreword--starter"
    for id in (
        "bigcode/starcoder",
        "bigscience/mt0-xxl",
        "codellama/codellama-34b-instruct-hf",
        "eleutherai/gpt-neox-20b",
        "elyza/elyza-japanese-llama-2-7b-instruct",
        "google/flan-t5-xl",
        "google/flan-t5-xxl",
        "google/flan-ul2",
        "ibm/granite-13b-chat-v1",
        "ibm/granite-13b-chat-v2",
        "ibm/granite-13b-instruct-v1",
        "ibm/granite-13b-instruct-v2",
        "ibm/granite-20b-multilingual",
        "ibm/granite-3-2b-instruct",
        "ibm/granite-3-8b-instruct",
        "ibm/mpt-7b-instruct2",
        "meta-llama/llama-2-13b-chat",
        "meta-llama/llama-2-70b-chat",
        "meta-llama/llama-3-70b-instruct",
        "meta-llama/llama-3-8b-instruct",
        "mistralai/mixtral-8x7b-instruct-v01",
    )
}
"""Models of a retired tuning service. With `--dev`, they are aliases of the embedded model, so that existing code runs.

An installed base model with the same id takes precedence, and plans report the model behind an alias.
"""


class Settings(BaseSettings):
    """The settings of server, worker and HTTP."""

    model_config = SettingsConfigDict(env_prefix="FOREWORD_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path("~/.foreword"),
        description="Folder of the database and the artifacts, unless they are configured elsewhere.",
    )
    database_url: str = Field(
        default="",
        repr=False,  # it may contain a password
        description="SQLAlchemy URL of SQLite or PostgreSQL. In the path of a file, write %25 for % and %3F for ?. "
        "Default: foreword.db in FOREWORD_HOME.",
    )
    artifacts_url: str = Field(
        default="",
        repr=False,
        description="A folder or any fsspec URL. Default: the folder artifacts in FOREWORD_HOME.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Other addresses than loopback need TLS or FOREWORD_INSECURE.",
    )
    port: int = Field(
        default=DEFAULT_PORT, ge=0, le=65535, description="Port of the gRPC server; 0 chooses a free one."
    )
    tls_certificate: Path | None = Field(default=None, description="PEM file with the certificate chain of the server.")
    tls_private_key: Path | None = Field(default=None, description="PEM file with the private key of the server.")
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file with the authorities that issue certificates to clients. If it is set, every connection "
        "with TLS needs such a certificate. Default: clients need none.",
    )
    tls_clients: tuple[CertificateIdentity, ...] = Field(
        default=(),
        description="Callers that are known by their certificate instead of a key, as a JSON list; see "
        "`deploy/tokens.md`.",
    )
    insecure: bool = Field(default=False, description="Allow unencrypted connections on addresses other than loopback.")
    dev: bool = Field(
        default=False,
        description="Development mode: loopback only, with the tenant dev and the API key dev, which is not stored.",
    )
    plugins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Plugins to load, separated by commas: DISTRIBUTION for all of a package, or DISTRIBUTION:NAME. "
        "Default: all installed plugins.",
    )
    default_base_model: str = Field(
        default="foreword--starter", description="Base model of experiments that do not name one."
    )
    base_model_aliases: dict[str, str] = Field(
        default_factory=dict,
        validate_default=True,
        description="Other names for base models, as a JSON object that maps aliases to ids.",
    )
    device: str = Field(default="cpu", description="Torch device of the engine and the workers.")
    dtype: str = Field(
        default="auto",
        pattern="^(auto|float32|bfloat16)$",
        description="Number format of the base model: float32, bfloat16, or auto, which measures the faster one.",
    )
    torch_threads: int = Field(
        default=0, ge=0, description="Number of threads of each torch process; 0 is torch's default."
    )
    workers: int = Field(default=1, ge=0, le=64, description="Number of worker processes that `foreword serve` starts.")
    lease_seconds: float = Field(
        default=15.0, gt=0, description="Time without a heartbeat after which another worker takes over a run."
    )
    checkpoint_seconds: float = Field(default=10.0, gt=0, description="Time between two checkpoints of a run.")
    max_runs_per_worker: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Maximum number of runs that a worker tunes together; they have one base model.",
    )
    turn_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Minimum time that a run keeps its place at a worker while runs of other tenants wait for one. It "
        "then yields to the tenant with the least recent compute time, and continues later from its checkpoint.",
    )
    max_queued_experiments: int = Field(
        default=100,
        ge=1,
        description="Maximum number of queued experiments of a tenant without a quota of its own; likewise of "
        "evaluations and of batch jobs.",
    )
    quota_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Quota of a tenant without one of its own: RPCs in a second on each server; as many may come at "
        "once. Default of this and the other quotas: none. See deploy/quotas.md.",
    )
    quota_tokens_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Likewise: input and output tokens of answers in a second on each server.",
    )
    quota_running_jobs: int | None = Field(
        default=None, ge=0, description="Likewise: jobs that workers have at the same time; others wait in the queue."
    )
    quota_dataset_rows: int | None = Field(default=None, ge=0, description="Likewise: rows of all datasets.")
    quota_stored_bytes: int | None = Field(
        default=None, ge=0, description="Likewise: size in bytes of all datasets, tuned models and saved prompts."
    )
    quota_deployments: int | None = Field(default=None, ge=0, description="Likewise: deployments in all spaces.")
    quota_capacity_unit_hours_per_month: float | None = Field(
        default=None,
        ge=0,
        description="Likewise: compute time of jobs in a calendar month (UTC), in hours of one worker.",
    )
    usage_retention_days: int = Field(
        default=400,
        ge=32,
        le=36_500,
        description="Number of days for which it is stored what tenants have used each day.",
    )
    max_watches: int = Field(
        default=200, ge=1, description="Maximum number of open watches of a tenant on each server."
    )
    watch_heartbeat_seconds: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="Time after which a watch sends an unchanged experiment again.",
    )
    keepalive_seconds: float = Field(
        default=15.0, gt=0, le=3600, description="Time without traffic after which the server pings a client."
    )
    keepalive_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Time to answer a ping before the connection of a client is closed.",
    )
    min_ping_seconds: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Minimum interval between pings of a client; the server disconnects clients that ping more often.",
    )
    oidc_issuers: tuple[OidcIssuer, ...] = Field(
        default=(),
        description="Issuers of OpenID Connect tokens that callers may send instead of keys, as a JSON list; see "
        "`deploy/tokens.md`. Needs the extra oidc.",
    )
    oidc_clock_skew_seconds: float = Field(
        default=30.0, ge=0, le=300, description="Time by which the clocks of issuers of tokens may differ."
    )
    max_failed_keys_per_minute: int = Field(
        default=300,
        ge=1,
        description="Number of calls with a wrong or missing API key that an address may send in a minute; beyond it, "
        "they get RESOURCE_EXHAUSTED after a pause.",
    )
    http: bool = Field(
        default=True,
        description="Whether `foreword serve` starts `foreword http`, which offers the service over HTTP. Needs the "
        "extra http.",
    )
    http_host: str = Field(
        default="127.0.0.1",
        description="Address on which HTTP is served. Other addresses than loopback use the certificate of "
        "FOREWORD_TLS_CERTIFICATE, or need FOREWORD_INSECURE.",
    )
    http_port: int = Field(default=8051, ge=0, le=65535, description="Port of HTTP; 0 chooses a free one.")
    http_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names by which HTTP is reached, without ports, separated by commas. Requests that name another "
        "host than these and loopback are refused. Default: none on loopback, any name on other addresses.",
    )
    http_max_connections_per_address: int = Field(
        default=500,
        ge=1,
        description="Maximum number of connections to HTTP of one IPv4 address or IPv6 network of 64 bits, of 2,000 in "
        "all. Proxies in FOREWORD_TRUSTED_PROXIES are exempt.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses and networks of proxies, separated by commas. From these, the address of a client is "
        "taken from the metadata x-forwarded-for.",
    )
    max_dataset_bytes: int = Field(default=MAX_DATASET_BYTES, ge=1, description="Maximum size of a dataset in bytes.")
    max_open_upload_bytes: int = Field(
        default=500_000_000,
        ge=1,
        description="Maximum total size in bytes of the files that are being uploaded or checked. Meanwhile, their "
        "rows take as much space in the home folder.",
    )
    max_captured_bytes: int = Field(
        default=200_000_000,
        ge=0,
        description="Maximum size in bytes of the captured requests of a tenant in the database. The oldest of a "
        "deployment make room for its new ones; 0: nothing is captured.",
    )
    audit_retention_days: int = Field(
        default=365,
        ge=0,
        le=36_500,
        description="Days for which audit records are kept; 0 keeps them for ever.",
    )
    max_batch_rows: int = Field(
        default=32, ge=1, description="Maximum number of rows that the engine decodes together."
    )
    max_queued_tokens: int = Field(
        default=65_536,
        ge=1,
        description="Maximum number of tokens in the queue of the engine; beyond it, requests get RESOURCE_EXHAUSTED.",
    )
    base_model_cache_bytes: int = Field(
        default=0,
        ge=0,
        description="Memory in bytes for loaded base models, in the server and in each worker; the least recently "
        "used model is "
        "unloaded first. 0: equal shares of most of the device's memory.",
    )
    preload_base_models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Base models that the server loads at startup, separated by commas."
    )
    prompt_cache_bytes: int = Field(default=256 * 2**20, ge=0, description="Memory in bytes for loaded tuned prompts.")
    label_cache_bytes: int = Field(
        default=32 * 2**20,
        ge=0,
        description="Memory in bytes for prepared labels, shared by all tenants; the tenant that holds the most loses "
        "its least recently used labels first.",
    )
    webhook_allow_http: bool = Field(
        default=False, description="Allow webhooks without TLS, such as http://127.0.0.1:8000/ in development."
    )
    webhook_ports: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("443", "8443"),
        description="Ports and ranges of ports that webhooks may name, separated by commas, such as 443,8000-8999.",
    )
    webhook_allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses and networks that webhooks may reach although they are not public, separated by commas, "
        "such as 10.1.0.0/16. Tenants choose the URLs of webhooks.",
    )
    webhook_proxy: str = Field(
        default="",
        repr=False,  # it may contain a password
        description="URL of an HTTP proxy for webhooks, http://[USER:PASSWORD@]HOST:PORT. It resolves the names, and "
        "has to refuse internal addresses. Default: no proxy; HTTPS_PROXY has no effect.",
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="Maximum time for running requests to finish after SIGTERM."
    )
    loop_hold_milliseconds: float = Field(
        default=50.0,
        gt=0,
        description="CPU time for which one request may hold the server's event loop; the log names requests that hold "
        "it for longer.",
    )
    metrics: bool = Field(
        default=True,
        description="Count metrics in the server, and serve those of server, workers and HTTP to Prometheus.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address on which the metrics are served, without TLS and without a key; they name tenants and "
        "deployments.",
    )
    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="Port of the server's metrics; 0 chooses a free one."
    )
    worker_metrics_port: int = Field(
        default=9465,
        ge=0,
        le=65535,
        description="Port of a worker's metrics. Further workers of the machine take the next free ports, without "
        "9466, which is the Slack bot's; 0 chooses a free one.",
    )
    http_metrics_port: int = Field(
        default=9463, ge=0, le=65535, description="Port of the metrics of HTTP; 0 chooses a free one."
    )
    traces: bool = Field(
        default=False,
        description="Export OpenTelemetry traces of server, workers and HTTP with OTLP over gRPC; never texts or keys. "
        "Needs the extra tracing. The standard variables OTEL_* set endpoint, sampling and resource.",
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="Minimum log level.")
    access_log: bool = Field(
        default=False, description="Log one line at the end of each request, at level info; never texts or keys."
    )
    log_format: str = Field(
        default="auto",
        pattern="^(auto|json|console)$",
        description="Log format; auto is console on a terminal and json otherwise.",
    )

    @field_validator("home")
    @classmethod
    def _require_utf8(cls, value: Path) -> Path:
        """Refuses a path that SQLite cannot open: it takes names in UTF-8 only."""
        if "\0" in str(value):
            raise ValueError("must be a path, which cannot contain the character NUL")
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise ValueError("must be a path whose bytes are UTF-8") from None
        return value

    @field_validator(
        "plugins",
        "preload_base_models",
        "trusted_proxies",
        "http_allowed_hosts",
        "webhook_ports",
        "webhook_allowed_networks",
        mode="before",
    )
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        """Split `one,two`, which is easier to write by hand than a JSON list."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("trusted_proxies", "webhook_allowed_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is neither an address nor a network."""
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"must hold addresses or networks such as 10.0.0.0/8, not {text[:80]!r}") from None
        return value

    @field_validator("webhook_ports")
    @classmethod
    def _check_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is neither a port nor a range of ports."""
        for text in value:
            first, _, last = text.partition("-")
            if not (
                first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 65535
            ):
                raise ValueError(f"must hold ports or ranges such as 8000-8999, not {text[:80]!r}")
        return value

    @field_validator("tls_clients")
    @classmethod
    def _check_certificates(cls, value: tuple[CertificateIdentity, ...]) -> tuple[CertificateIdentity, ...]:
        """Refuse a certificate that two callers have, and two callers with one name."""
        for member in ("name", "subject"):
            if len({getattr(identity, member) for identity in value}) < len(value):
                raise ValueError(f"must hold callers with different values of {member}")
        return value

    @field_validator("oidc_issuers")
    @classmethod
    def _check_issuers(cls, value: tuple[OidcIssuer, ...]) -> tuple[OidcIssuer, ...]:
        """Refuse two issuers that callers, or the audit log, could not tell apart."""
        for member in ("name", "issuer"):
            if len({getattr(issuer, member) for issuer in value}) < len(value):
                raise ValueError(f"must hold issuers with different values of {member}")
        return value

    @field_validator("webhook_proxy")
    @classmethod
    def _check_proxy(cls, value: str) -> str:
        """Refuse what is not the URL of a proxy. The message does not quote it."""
        if value:
            try:
                parts = urlsplit(value)
                valid = parts.scheme == "http" and bool(parts.hostname) and parts.port is not None
            except ValueError:
                valid = False
            if not valid:
                raise ValueError("must be a URL such as http://proxy.example.com:3128")
        return value

    @field_validator("base_model_aliases")
    @classmethod
    def _add_dev_aliases(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        """Add the aliases of `--dev`. Aliases that are set take precedence."""
        return {**DEV_BASE_MODEL_ALIASES, **value} if info.data.get("dev") else value

    @property
    def home_folder(self) -> Path:
        """`home` with `~` expanded."""
        return self.home.expanduser().absolute()

    @property
    def default_quotas(self) -> Quotas:
        """Quotas of tenants that have none of their own."""
        return Quotas(
            requests_per_second=self.quota_requests_per_second,
            tokens_per_second=self.quota_tokens_per_second,
            running_jobs=self.quota_running_jobs,
            dataset_rows=self.quota_dataset_rows,
            stored_bytes=self.quota_stored_bytes,
            deployments=self.quota_deployments,
            queued_jobs=self.max_queued_experiments,
            capacity_unit_hours_per_month=self.quota_capacity_unit_hours_per_month,
        )

    @property
    def usage_folder(self) -> Path:
        """Folder of the journal of usage."""
        return self.home_folder / "usage"

    @property
    def resolved_database_url(self) -> str | Path:
        """URL of the database, or the default path in home. A path may contain characters with a meaning in URLs."""
        return self.database_url or self.home_folder / "foreword.db"

    @property
    def resolved_artifacts_url(self) -> str | Path:
        """URL of the artifact store, or the default path in home."""
        return self.artifacts_url or self.home_folder / "artifacts"

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that give another process the same settings."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        values["plugins"] = ",".join(self.plugins)
        values["trusted_proxies"] = ",".join(self.trusted_proxies)
        values["http_allowed_hosts"] = ",".join(self.http_allowed_hosts)
        values["webhook_ports"] = ",".join(self.webhook_ports)
        values["webhook_allowed_networks"] = ",".join(self.webhook_allowed_networks)
        values["preload_base_models"] = ",".join(self.preload_base_models)
        return {
            f"FOREWORD_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }
