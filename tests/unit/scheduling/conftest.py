"""Fixtures with a database and the other resources of a worker."""

from factories.shops import plugins, shop

__all__ = ["plugins", "shop"]
