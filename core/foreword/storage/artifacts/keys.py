"""Keys of the artifact store, which locate the files of each resource.

Rows of the database hold the keys, so that files of older versions stay in place if a format changes here.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from foreword.errors import InvalidArgumentError

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


def check_key(key: str) -> str:
    """Return `key` if it is valid: segments of `[A-Za-z0-9_.-]`, none of which begins with a dot.

    Raises:
        InvalidArgumentError: The key could point outside the root.
    """
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidArgumentError.of(
            "artifact", f"{key[:200]!r} is not an artifact key; use letters, digits, _ . - and /"
        )
    return key


def tenant_prefixes(tenant: str) -> tuple[str, ...]:
    """Return the prefixes of all files of a tenant. Every other function here returns a key below one of them."""
    return f"tenants/{tenant}", f"answers/{tenant}", f"checkpoints/{tenant}"


def new_dataset_key(tenant: str, content_sha256: str) -> str:
    """Return a new key for the rows of a dataset.

    It ends in random digits: if datasets with the same content shared a key, deleting one could delete the rows of
    another that is being uploaded at that moment.
    """
    return f"tenants/{tenant}/datasets/{content_sha256}-{secrets.token_hex(4)}"


def tuned_model_key(tenant: str, tuned_model: str, content_sha256: str) -> str:
    """Return the key of a tuned model's adapter.

    Args:
        tuned_model: Id of the tuned model.
        content_sha256: Hash of the tensors file.
    """
    return f"tenants/{tenant}/tunedModels/{tuned_model}-{content_sha256[:16]}"


def evaluation_rows_key(tenant: str, evaluation: str, content_sha256: str) -> str:
    """Return a new key for the rows of an evaluation with their answers.

    It ends in random digits, as that of a dataset.
    """
    return f"tenants/{tenant}/evaluations/{evaluation}-{content_sha256[:16]}-{secrets.token_hex(4)}"


def answer_batches_key(tenant: str, evaluation: str, create_time: datetime) -> str:
    """Return the prefix of the batches of answers of an evaluation that has not ended.

    The time distinguishes it from an earlier evaluation with the same id.
    """
    return f"answers/{tenant}/{evaluation}.{create_time.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def batch_answers_key(tenant: str, batch_job: str, create_time: datetime) -> str:
    """Return the prefix of the answers of a batch job.

    The time distinguishes it from an earlier batch job with the same id.
    """
    return f"tenants/{tenant}/batchJobs/{batch_job}.{create_time.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def checkpoints_key(tenant: str, experiment: str, create_time: datetime) -> str:
    """Return the key of the checkpoints of an experiment.

    The time distinguishes it from an earlier experiment with the same id, whose checkpoints may still exist: their
    epochs can be higher, so that they would be mistaken for the newest.
    """
    return f"checkpoints/{tenant}/{experiment}.{create_time.astimezone(UTC):%Y%m%dT%H%M%S%f}"
