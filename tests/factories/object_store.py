"""An object store in the memory of this process, under a protocol of its own: Foreword refuses `memory://`."""

from __future__ import annotations

import secrets

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

PROTOCOL = "objects"


class ObjectStore(MemoryFileSystem):
    """A store of objects."""

    protocol = PROTOCOL

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix(f"{PROTOCOL}://"))


fsspec.register_implementation(PROTOCOL, ObjectStore, clobber=True)


def object_store_url() -> str:
    """Return the URL of an empty place in the store."""
    return f"{PROTOCOL}://{secrets.token_hex(8)}"
