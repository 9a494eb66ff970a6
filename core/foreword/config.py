"""Settings, read once when a process starts: command-line flags over environment over defaults.

Every setting `name` is the environment variable `FOREWORD_NAME`. `make settings` writes them to `deploy/settings.md`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from foreword.domain.dataset import MAX_DATASET_BYTES

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
"""Models of the retired service, which stand for the embedded one in `--dev`, so that code written for it runs.

An installed base model of that id comes first, and plans tell what an alias stands for.
"""


class Settings(BaseSettings):
    """All settings of server and worker."""

    model_config = SettingsConfigDict(env_prefix="FOREWORD_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path("~/.foreword"),
        description="Folder that holds the database and the artifacts unless these are elsewhere.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL; SQLite or PostgreSQL. In the path of a file write %25 for % and %3F for ?. "
        "Default: foreword.db below home.",
    )
    artifacts_url: str = Field(
        default="", description="A folder, or any fsspec URL. Default: the folder artifacts below home."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on. Any but loopback needs TLS or insecure.")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="Port of the gRPC server; 0 takes a free one.")
    tls_certificate: Path | None = Field(default=None, description="PEM file with the server's certificate chain.")
    tls_private_key: Path | None = Field(default=None, description="PEM file with the server's private key.")
    insecure: bool = Field(default=False, description="Allow plain text on an address that is not loopback.")
    dev: bool = Field(
        default=False, description="Loopback only, with tenant dev and API key dev, which lives in memory only."
    )
    plugins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Entry-point names of the plugins that may load, separated by commas. Default: all."
    )
    default_base_model: str = Field(
        default="foreword--starter", description="Base model of experiments that name none."
    )
    base_model_aliases: dict[str, str] = Field(
        default_factory=dict,
        validate_default=True,
        description="Other names for base models, as JSON object of alias and id.",
    )
    device: str = Field(default="cpu", description="Torch device of engine and worker.")
    dtype: str = Field(
        default="auto",
        pattern="^(auto|float32|bfloat16)$",
        description="Number format of the base model: float32, bfloat16, or auto, which measures what is faster here.",
    )
    torch_threads: int = Field(default=0, ge=0, description="Threads of each torch process; 0 leaves it to torch.")
    workers: int = Field(default=1, ge=0, le=64, description="Worker processes that serve keeps alive.")
    lease_seconds: float = Field(
        default=15.0, gt=0, description="A worker silent for this long loses its run to another one."
    )
    checkpoint_seconds: float = Field(default=10.0, gt=0, description="Time between checkpoints of a run.")
    max_queued_experiments: int = Field(default=100, ge=1, description="Experiments a tenant may have waiting.")
    max_watches: int = Field(default=200, ge=1, description="Experiments a tenant may watch at once on each server.")
    watch_heartbeat_seconds: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="Longest silence of a watch: an unchanged experiment is sent again then.",
    )
    keepalive_seconds: float = Field(
        default=15.0, gt=0, le=3600, description="Silence of a connection after which the server pings the client."
    )
    keepalive_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Time that a client has to answer a ping before its connection is closed.",
    )
    min_ping_seconds: float = Field(
        default=5.0, gt=0, le=3600, description="Shortest interval at which clients may ping; more is disconnected."
    )
    max_dataset_bytes: int = Field(default=MAX_DATASET_BYTES, ge=1, description="Largest dataset in bytes.")
    max_open_upload_bytes: int = Field(
        default=500_000_000, ge=1, description="Bytes of files that may be uploaded or checked at once."
    )
    max_batch_rows: int = Field(default=32, ge=1, description="Rows that the engine decodes together.")
    max_queued_tokens: int = Field(
        default=65_536, ge=1, description="Tokens waiting for the engine before it answers RESOURCE_EXHAUSTED."
    )
    base_model_cache_bytes: int = Field(
        default=0,
        ge=0,
        description="Memory for base models kept loaded, in the server and each worker; the one unused longest makes "
        "room for others. 0: equal shares of most of the device's memory.",
    )
    preload_base_models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Base models that serve loads when it starts, separated by commas."
    )
    prompt_cache_bytes: int = Field(default=256 * 2**20, ge=0, description="Memory for tuned prompts kept loaded.")
    drain_seconds: float = Field(default=30.0, ge=0, description="Time that running requests get to finish on SIGTERM.")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="Least level logged.")
    access_log: bool = Field(
        default=False, description="Log a line for each request at its end, at level info; never texts or keys."
    )
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$", description="auto: console on a terminal.")

    @field_validator("plugins", "preload_base_models", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        """Reads `one,two`; a JSON list is for programs and would be one more thing to get wrong by hand."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("base_model_aliases")
    @classmethod
    def _add_dev_aliases(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        """Adds the aliases of `--dev`; those that are set come first."""
        return {**DEV_BASE_MODEL_ALIASES, **value} if info.data.get("dev") else value

    @property
    def home_folder(self) -> Path:
        """`home` with `~` expanded."""
        return self.home.expanduser().absolute()

    @property
    def resolved_database_url(self) -> str | Path:
        """URL of the database, or the path of the default below home: a path may hold what means something in a URL."""
        return self.database_url or self.home_folder / "foreword.db"

    @property
    def resolved_artifacts_url(self) -> str | Path:
        """URL of the artifact store, or the path of the default below home."""
        return self.artifacts_url or self.home_folder / "artifacts"

    def to_environment(self) -> dict[str, str]:
        """The variables that make another process read the same settings."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        values["plugins"] = ",".join(self.plugins)
        values["preload_base_models"] = ",".join(self.preload_base_models)
        return {
            f"FOREWORD_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }
