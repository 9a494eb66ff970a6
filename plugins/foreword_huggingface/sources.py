"""Where a model's files come from: a folder, or the hub by way of its cache.

What the cache holds is used without asking the hub, so that a service starts offline and all its processes agree on one
commit; the hub is asked for what is missing.
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
"""Reason of the error when the hub cannot be reached."""

CONFIG: Final = "config.json"
CARD: Final = "README.md"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
TEMPLATE: Final = "chat_template.jinja"
TEMPLATE_FILES: Final = (TOKENIZER_CONFIG, TEMPLATE)
"""Where a chat template may stand: in the tokenizer's configuration or in a file of its own."""
_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_VOCABULARIES: Final = ("tokenizer.json", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")

_CONFIG_FILES: Final = (CONFIG, CARD)
_TOKENIZER_FILES: Final = (
    "tokenizer*.json", TEMPLATE, "special_tokens_map.json", "added_tokens.json", "merges.txt", *_VOCABULARIES,
)  # fmt: skip
_WEIGHT_FILES: Final = ("model.safetensors", "model-*.safetensors", _INDEX, "generation_config.json")

_PATIENCE_SECONDS: Final = 10.0

_BLOCK_BYTES: Final = 64 * 1024
_BLOCKS: Final = 16
"""Read of each file for its fingerprint: all of a large model would take minutes."""


class UnreachableError(Exception):
    """The hub does not answer; never leaves this module."""


class Source(ABC):
    """A model's files. Each method returns the folder that holds them, or says what to do."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call the model."""

    @abstractmethod
    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """The folder with the configuration and, if there is one, the model card.

        Args:
            with_template: Also with the chat template, if there is one.
            offline: Do not ask the hub.

        Raises:
            FailedPreconditionError: There is none.
        """

    @abstractmethod
    def tokenizer_folder(self) -> Path:
        """The folder with configuration and tokenizer.

        Raises:
            FailedPreconditionError: There is no tokenizer.
        """

    @abstractmethod
    def weights_folder(self) -> Path:
        """The folder with everything, weights in safetensors.

        Raises:
            FailedPreconditionError: There are none.
        """

    @abstractmethod
    def revision(self) -> str:
        """Which weights these are; only after `config_folder`."""


class FolderSource(Source):
    """A folder as `save_pretrained` writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """Checks all files, which costs nothing here: what will not load is not offered."""
        return self.weights_folder()

    def tokenizer_folder(self) -> Path:
        """Checks that there is a tokenizer."""
        if not _has_tokenizer(self._folder):
            raise _missing(f"{self.name} holds no tokenizer ({', '.join(_VOCABULARIES)}).", "Copy the model's there.")
        return self._folder

    def weights_folder(self) -> Path:
        """Checks that everything is there."""
        if not (self._folder / CONFIG).is_file():
            raise _missing(f"{self.name} holds no {CONFIG}.", "Name a folder that save_pretrained has written.")
        if not _has_weights(self._folder):
            raise _missing(
                f"{self.name} holds no complete set of weights ({_SINGLE}, or all shards of {_INDEX}).",
                "Copy the files again; weights in other formats must be saved anew with save_pretrained, as others may "
                "run code when they are loaded.",
            )
        return self.tokenizer_folder()

    def revision(self) -> str:
        """A hash over configuration, tokenizer and blocks of the weights: changed weights differ all over."""
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
        cache_folder: The hub's cache. Default: as HF_HOME says.
        endpoint: The hub's address. Default: as HF_ENDPOINT says.
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
        """Hugging Face id, and the revision if it is not the usual one."""
        return self._repository if self._revision == DEFAULT_REVISION else f"{self._repository}@{self._revision}"

    def config_folder(self, *, with_template: bool = False, offline: bool = False) -> Path:
        """From now on, files of the commit that is found here are meant."""
        names = (CONFIG, TOKENIZER_CONFIG) if with_template else (CONFIG,)
        folder = self._fetch(
            (*_CONFIG_FILES, *(TEMPLATE_FILES if with_template else ())),
            lambda folder: all((folder / name).is_file() for name in names),
            offline=offline,
        )
        if not (folder / CONFIG).is_file():
            raise _missing(f"{self.name} has no {CONFIG} on the hub.", "Choose a repository of transformers weights.")
        self._commit = folder.name
        return folder

    def tokenizer_folder(self) -> Path:
        """Fetches configuration and tokenizer."""
        folder = self._fetch((*_CONFIG_FILES, *_TOKENIZER_FILES), _has_tokenizer)
        if not _has_tokenizer(folder):
            raise _missing(f"{self.name} has no tokenizer on the hub.", "Choose a repository that holds one.")
        return folder

    def weights_folder(self) -> Path:
        """Fetches everything."""
        folder = self._fetch(
            (*_CONFIG_FILES, *_TOKENIZER_FILES, *_WEIGHT_FILES),
            lambda folder: _has_weights(folder) and _has_tokenizer(folder),
        )
        if not _has_weights(folder):
            raise _missing(
                f"The hub or its cache holds no complete set of weights of {self.name} in safetensors.",
                "Where the hub has them, download them again with network. Where it has other formats only, save the "
                "model with save_pretrained on a machine that trusts it, and name that folder.",
            )
        return folder

    def revision(self) -> str:
        """The commit."""
        return self._commit

    def _fetch(self, patterns: tuple[str, ...], complete: Callable[[Path], bool], *, offline: bool = False) -> Path:
        """The snapshot folder with files of these names, from the cache if it is complete there."""
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
                f"{self.name} is gated: its licence must be accepted at https://huggingface.co/{self._repository}, and "
                "the service needs a token of that account in HF_TOKEN.",
                reason="BASE_MODEL_GATED",
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise _missing(
                f"The hub has no model {self._repository!r}, or it is private.",
                "Check the id; for a private model set HF_TOKEN.",
            ) from error
        except errors.RevisionNotFoundError as error:
            raise _missing(f"The hub has no revision {self.name!r}.", "Name a branch, a tag or a commit.") from error
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, UnreachableError) as error:
            raise FailedPreconditionError(
                f"{self.name} is not in the cache of this machine, or not all of it, and the hub cannot be reached. "
                f"Restart with network (and without HF_HUB_OFFLINE), or run `hf download {self._repository}` on "
                "another machine and copy its cache (HF_HOME) or a folder here.",
                reason=UNREACHABLE,
            ) from error
        except (errors.HfHubHTTPError, OSError) as error:
            raise FailedPreconditionError(
                f"{self.name} could not be downloaded: {error}. Check network, disk space and HF_TOKEN, then try "
                "again.",
                reason="BASE_MODEL_DOWNLOAD_FAILED",
            ) from error

    def _reach(self) -> None:
        """Asks the hub once: a download asks six times, so that 23 seconds pass until an unreachable hub is noticed.

        Raises:
            UnreachableError: There is no answer.
            HfHubHTTPError: The answer is no.
        """
        from huggingface_hub import HfApi, errors

        revision = self._commit or self._revision
        try:
            HfApi(endpoint=self._endpoint).model_info(self._repository, revision=revision, timeout=_PATIENCE_SECONDS)
        except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled):
            raise
        except Exception as error:  # of the hub's HTTP library, which has been another one before
            raise UnreachableError(str(error)) from error


def make_source(entry: ModelEntry) -> Source:
    """The source that an entry names."""
    return HubSource(entry.name, entry.revision) if entry.folder is None else FolderSource(entry.folder)


def _missing(problem: str, remedy: str) -> FailedPreconditionError:
    return FailedPreconditionError(f"{problem} {remedy}", reason="BASE_MODEL_MISSING")


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _VOCABULARIES)


def _has_weights(folder: Path) -> bool:
    """Whether the weights are there with all their shards."""
    if (folder / _SINGLE).is_file():
        return True
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        shards = set(index["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return bool(shards) and all((folder / str(shard)).is_file() for shard in shards)
