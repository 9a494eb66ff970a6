"""The error classes of IBM's SDK, as aliases of `ForewordError`."""

from foreword.errors import ForewordError

WMLClientError = ForewordError
ApiRequestFailure = ForewordError

__all__ = ["ApiRequestFailure", "WMLClientError"]
