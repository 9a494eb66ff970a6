"""The errors that notebooks catch, under the names by which they catch them."""

from foreword.errors import ForewordError

WMLClientError = ForewordError
ApiRequestFailure = ForewordError

__all__ = ["ApiRequestFailure", "WMLClientError"]
