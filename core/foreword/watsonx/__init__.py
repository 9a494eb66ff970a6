"""The interface of IBM's Python SDK for watsonx.ai, on top of `foreword.client`.

A notebook that was written for `ibm_watsonx_ai` runs after two changes: its imports name `foreword.watsonx`, and its
credentials name a Foreword service, with `url` for the endpoint, `apikey` for the key and `project_id` for the tenant.
Module paths are those of the original. Unsupported arguments are refused by name; none is silently ignored. Errors are
those of `foreword.errors`.
"""

from foreword.watsonx.api_client import APIClient
from foreword.watsonx.credentials import Credentials

__all__ = ["APIClient", "Credentials"]
