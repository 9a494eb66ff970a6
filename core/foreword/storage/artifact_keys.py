"""Keys of the artifact store: where the files of each resource are.

Rows of the database hold keys, so what an older version stored stays where it is when a form changes here.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from foreword.errors import InvalidArgumentError

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


def check_key(key: str) -> str:
    """Return `key` if it names something below the root: segments of `[A-Za-z0-9_.-]`, none beginning with a dot.

    Raises:
        InvalidArgumentError: It could name something else.
    """
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidArgumentError.of("artifact", f"{key[:200]!r} is no artifact key; use letters, digits, _ . - and /")
    return key


def new_dataset_key(tenant: str, content_sha256: str) -> str:
    """Return a new key for the rows of a dataset.

    It ends at random: if datasets of the same content shared a key, deleting one could delete the rows of another that
    is being uploaded at that moment.
    """
    return f"tenants/{tenant}/datasets/{content_sha256}-{secrets.token_hex(4)}"


def tuned_model_key(tenant: str, tuned_model: str, content_sha256: str) -> str:
    """Return the key of a tuned model's adapter.

    Args:
        tuned_model: Id of the tuned model.
        content_sha256: Hash of the tensors file.
    """
    return f"tenants/{tenant}/tunedModels/{tuned_model}-{content_sha256[:16]}"


def checkpoints_key(tenant: str, experiment: str, create_time: datetime) -> str:
    """Return the key of the checkpoints of an experiment.

    The time sets it apart from an earlier experiment of the same id, whose checkpoints may be left: their epochs can
    be higher, so that they would be taken for the newest.
    """
    return f"checkpoints/{tenant}/{experiment}.{create_time.astimezone(UTC):%Y%m%dT%H%M%S%f}"
