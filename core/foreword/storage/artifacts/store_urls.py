"""The URLs of artifact stores: a folder, or a store that all processes reach. Others are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from foreword.errors import InvalidArgumentError

_REMEDY = "Set FOREWORD_ARTIFACTS_URL to a folder, or to a store that all processes reach, such as s3://bucket/folder"

_UNUSABLE = {
    **dict.fromkeys(("memory", "data"), "keeps nothing that another process or the next start can read"),
    **dict.fromkeys(
        ("simplecache", "filecache", "blockcache", "cached"),
        "caches another store on this machine, so that processes do not see each other's files",
    ),
    **dict.fromkeys(
        ("dir", "reference", "generic", "dask", "async_wrapper", "asyncwrapper", "asynclocal"),
        "is a wrapper around another store; name that store itself",
    ),
    **dict.fromkeys(("zip", "tar", "libarchive"), "is an archive, which cannot be changed safely"),
    **dict.fromkeys(
        ("http", "https", "github", "gist", "git", "dvc", "jupyter", "jlab", "wandb", "pyscript"),
        "cannot be written to as artifacts need it",
    ),
}
"""Protocols of fsspec that cannot hold artifacts, with the reason."""

_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("oci", "ocilake"), "ocifs"),
    "oss": "ossfs",
    **dict.fromkeys(("tos", "tosfs"), "tosfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "smb": "smbprotocol",
    "webdav": "webdav4",
    **dict.fromkeys(("hdfs", "arrow_hdfs"), "pyarrow"),
    "webhdfs": "requests",
}
"""The package that each protocol needs beside fsspec."""


def open_store(url: str | Path) -> Path | tuple[Any, str]:
    """Return the folder that a URL refers to, or the file system of fsspec and the path in it.

    A path, and text that begins like one, is never parsed as a URL, because the names of folders may contain `::` and
    `://`.

    Raises:
        InvalidArgumentError: The URL is invalid, names a store that cannot work, or needs a package that is missing.
    """
    if "\0" in str(url):
        raise _refusal("contains the character NUL, which no path can contain")
    if isinstance(url, Path) or url.startswith(("/", "~", ".")):
        return Path(url).expanduser()
    protocol, separator, _ = url.partition("://")
    if "::" in protocol:
        raise _refusal(f"joins several stores with `::` ({protocol}). Name the last one itself")
    if not separator and not url.startswith("data:"):
        return Path(url)
    protocol = protocol.partition(":")[0].lower()
    if protocol in _UNUSABLE:
        raise _refusal(f"begins with {protocol}:, which {_UNUSABLE[protocol]}")
    try:
        system, root = fsspec.url_to_fs(url)
    except ImportError as error:
        package = _PACKAGES.get(protocol)
        remedy = f"Install it with: pip install {package}" if package else f"{error}"
        raise _refusal(f"begins with {protocol}://, whose driver is not installed. {remedy}", remedy=False) from error
    except Exception as error:  # drivers raise any exception for a URL that they cannot read
        raise _refusal(f"cannot be used: {type(error).__name__}: {error}") from error
    return Path(root) if isinstance(system, LocalFileSystem) else (system, root.rstrip("/"))


def _refusal(problem: str, *, remedy: bool = True) -> InvalidArgumentError:
    return InvalidArgumentError.of("artifacts_url", f"{problem}. {_REMEDY}" if remedy else problem)
