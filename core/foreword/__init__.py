"""Foreword: prompt tuning as a service. `foreword.Client` is the way in."""

from importlib.metadata import version

__version__ = version("foreword")
