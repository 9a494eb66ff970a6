"""Sources of a model's files: a folder, or the hub with its cache.

Cached files are used without asking the hub, so that a service can start offline and all its processes use the same
commit; only missing files are downloaded.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final

from foreword.errors import FailedPreconditionError
from foreword_huggingface.settings import DEFAULT_REVISION, ModelEntry

UNREACHABLE: Final = "BASE_MODEL_UNREACHABLE"
"""Reason of the error for an unreachable hub."""

CONFIG: Final = "config.json"
CARD: Final = "README.md"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
TEMPLATE: Final = "chat_template.jinja"
TEMPLATE_FILES: Final = (TOKENIZER_CONFIG, TEMPLATE)
"""Files that may contain a chat template: the tokenizer's configuration and a separate file."""
_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_VOCABULARIES: Final = ("tokenizer.json", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")

_CONFIG_FILES: Final = (CONFIG, CARD)
_TOKENIZER_FILES: Final = (
    "tokenizer*.json", TEMPLATE, "special_tokens_map.json", "added_tokens.json", "merges.txt", *_VOCABULARIES,
)  # fmt: skip
_WEIGHT_FILES: Final = ("model.safetensors", "model-*.safetensors", _INDEX, "generation_config.json")

_TIMEOUT_SECONDS: Final = 10.0

_BLOCK_BYTES: Final = 64 * 1024
_BLOCKS: Final = 16
"""Number of blocks that the fingerprint reads of each file; reading all of a large model would take minutes."""


class UnreachableError(Exception):
    """The hub does not answer; this error is handled inside this module."""


class Source(ABC):
    """A source of a model's files; each method returns the folder that contains them."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the model in messages."""

    @abstractmethod
    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """Return the folder with the configuration and, if there is one, the model card.

        Args:
            with_template: Include the chat template, if there is one.
            offline: Do not connect to the hub.

        Raises:
            FailedPreconditionError: The configuration is missing.
        """

    @abstractmethod
    def tokenizer_folder(self) -> Path:
        """Return the folder with the configuration and the tokenizer.

        Raises:
            FailedPreconditionError: The tokenizer is missing.
        """

    @abstractmethod
    def weights_folder(self) -> Path:
        """Return the folder with all files, including the weights in safetensors.

        Raises:
            FailedPreconditionError: The weights or the tokenizer are missing.
        """

    @abstractmethod
    def revision(self) -> str:
        """Return an identifier of the weights; call `config_folder` first."""


class FolderSource(Source):
    """A folder written by `save_pretrained`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self._folder)

    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """Return the folder after a check of all files, which is cheap, so that an incomplete model is not offered."""
        return self.weights_folder()

    def tokenizer_folder(self) -> Path:
        """Return the folder after a check for the tokenizer."""
        if not _has_tokenizer(self._folder):
            raise _missing(
                f"{self.name} contains no tokenizer ({', '.join(_VOCABULARIES)}).",
                "Copy the model's tokenizer to the folder.",
            )
        return self._folder

    def weights_folder(self) -> Path:
        """Return the folder after a check for all files."""
        if not (self._folder / CONFIG).is_file():
            raise _missing(f"{self.name} contains no {CONFIG}.", "Use a folder written by save_pretrained.")
        if not _has_weights(self._folder):
            raise _missing(
                f"{self.name} contains no complete set of weights ({_SINGLE}, or all shards of {_INDEX}).",
                "Copy the files again; save weights in other formats again with save_pretrained, because those may run "
                "code when they are loaded.",
            )
        return self.tokenizer_folder()

    def revision(self) -> str:
        """Return a hash of the configuration, the tokenizer and blocks of the weights; tuning changes all blocks."""
        files = (path for path in self._folder.iterdir() if path.suffix in (".json", ".safetensors") and path.is_file())
        digest = hashlib.sha256()
        for path in sorted(files):
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            with path.open("rb") as file:
                for place in range(_BLOCKS):
                    file.seek(place * size // _BLOCKS)
                    digest.update(file.read(_BLOCK_BYTES))
        return digest.hexdigest()


class HubSource(Source):
    """A repository of the Hugging Face hub at one revision.

    Args:
        repository: Id of the repository.
        revision: Branch, tag or commit.
        cache_folder: Folder of the hub's cache. Default: HF_HOME.
        endpoint: Address of the hub. Default: HF_ENDPOINT.
    """

    def __init__(
        self,
        repository: str,
        revision: str = DEFAULT_REVISION,
        *,
        cache_folder: Path | None = None,
        endpoint: str | None = None,
    ) -> None:
        self._repository = repository
        self._revision = revision
        self._commit = ""
        self._cache_folder = cache_folder
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        """The Hugging Face id, with the revision if it is not the default."""
        return self._repository if self._revision == DEFAULT_REVISION else f"{self._repository}@{self._revision}"

    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """Fetch the configuration; later calls fetch the files of the same commit."""
        names = (CONFIG, TOKENIZER_CONFIG) if with_template else (CONFIG,)
        folder = self._fetch(
            (*_CONFIG_FILES, *(TEMPLATE_FILES if with_template else ())),
            lambda folder: all((folder / name).is_file() for name in names),
            offline=offline,
        )
        if not (folder / CONFIG).is_file():
            raise _missing(f"{self.name} has no {CONFIG} on the hub.", "Choose a repository with transformers weights.")
        self._commit = folder.name
        return folder

    def tokenizer_folder(self) -> Path:
        """Fetch the configuration and the tokenizer."""
        folder = self._fetch((*_CONFIG_FILES, *_TOKENIZER_FILES), _has_tokenizer)
        if not _has_tokenizer(folder):
            raise _missing(f"{self.name} has no tokenizer on the hub.", "Choose a repository with a tokenizer.")
        return folder

    def weights_folder(self) -> Path:
        """Fetch all files."""
        folder = self._fetch(
            (*_CONFIG_FILES, *_TOKENIZER_FILES, *_WEIGHT_FILES),
            lambda folder: _has_weights(folder) and _has_tokenizer(folder),
        )
        if not _has_weights(folder):
            raise _missing(
                f"Neither the hub nor its cache has a complete set of weights of {self.name} in safetensors.",
                "If the hub has them, connect to the network and try again. If it has only other formats, save the "
                "model with save_pretrained on a machine that trusts it, and use that folder.",
            )
        return folder

    def revision(self) -> str:
        """Return the commit."""
        return self._commit

    def _fetch(self, patterns: tuple[str, ...], complete: Callable[[Path], bool], *, offline: bool = False) -> Path:
        """Return the snapshot folder with the files that match the patterns, from the cache if it is complete."""
        from huggingface_hub import errors, snapshot_download

        def snapshot(local: bool) -> Path:
            return Path(
                snapshot_download(
                    self._repository,
                    revision=self._commit or self._revision,
                    allow_patterns=list(patterns),
                    cache_dir=self._cache_folder,
                    endpoint=self._endpoint,
                    local_files_only=local,
                )
            )

        try:
            folder = snapshot(local=True)
            if complete(folder):
                return folder
        except errors.LocalEntryNotFoundError:
            pass
        try:
            if not offline:
                self._reach()
            return snapshot(local=offline)
        except errors.GatedRepoError as error:
            raise FailedPreconditionError(
                f"{self.name} is gated. Accept its licence at https://huggingface.co/{self._repository}, and set "
                "HF_TOKEN to a token of that account.",
                reason="BASE_MODEL_GATED",
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise _missing(
                f"The hub has no model {self._repository!r}, or it is private.",
                "Check the id, or set HF_TOKEN for a private model.",
            ) from error
        except errors.RevisionNotFoundError as error:
            raise _missing(f"The hub has no revision {self.name!r}.", "Use a branch, a tag or a commit.") from error
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, UnreachableError) as error:
            raise FailedPreconditionError(
                f"{self.name} is not completely in the cache of this machine, and the hub cannot be reached. Restart "
                f"with network (and without HF_HUB_OFFLINE), or run `hf download {self._repository}` on another "
                "machine and copy its cache (HF_HOME) or a folder to this one.",
                reason=UNREACHABLE,
            ) from error
        except (errors.HfHubHTTPError, OSError) as error:
            raise FailedPreconditionError(
                f"{self.name} could not be downloaded: {error}. Check the network, the disk space and HF_TOKEN, then "
                "try again.",
                reason="BASE_MODEL_DOWNLOAD_FAILED",
            ) from error

    def _reach(self) -> None:
        """Send one request to the hub, because a download retries six times, which takes 23 seconds if it fails.

        Raises:
            UnreachableError: The hub does not answer.
            HfHubHTTPError: The hub refuses the request.
        """
        from huggingface_hub import HfApi, errors

        revision = self._commit or self._revision
        try:
            HfApi(endpoint=self._endpoint).model_info(self._repository, revision=revision, timeout=_TIMEOUT_SECONDS)
        except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled):
            raise
        except Exception as error:  # from the hub's HTTP library, which has changed before
            raise UnreachableError(str(error)) from error


def make_source(entry: ModelEntry) -> Source:
    """Return the source of an entry."""
    return HubSource(entry.name, entry.revision) if entry.folder is None else FolderSource(entry.folder)


def _missing(problem: str, remedy: str) -> FailedPreconditionError:
    return FailedPreconditionError(f"{problem} {remedy}", reason="BASE_MODEL_MISSING")


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _VOCABULARIES)


def _has_weights(folder: Path) -> bool:
    """Return True if the folder has the weights with all shards."""
    if (folder / _SINGLE).is_file():
        return True
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return bool(shards) and all((folder / str(shard)).is_file() for shard in shards)
