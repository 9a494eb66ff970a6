"""References to training data, under their original import path."""

from foreword.watsonx.helpers.connections import DataConnection

__all__ = ["DataConnection"]
