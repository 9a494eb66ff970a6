"""The shape of IBM's Python SDK for watsonx.ai, on top of `foreword.client`.

A notebook that was written for `ibm_watsonx_ai` runs here once its imports name `foreword.watsonx` and its credentials
name a Foreword service: `url` is the endpoint, `apikey` the key and `project_id` the tenant. Module paths are the
original's. What the service cannot do is refused by name; nothing is silently ignored. Errors are those of
`foreword.errors`.
"""

from foreword.watsonx.api_client import APIClient
from foreword.watsonx.credentials import Credentials

__all__ = ["APIClient", "Credentials"]
