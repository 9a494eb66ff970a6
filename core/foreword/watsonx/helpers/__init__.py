"""What runs are given."""

from foreword.watsonx.helpers.connections import DataConnection

__all__ = ["DataConnection"]
