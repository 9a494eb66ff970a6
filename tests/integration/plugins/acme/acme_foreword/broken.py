"""A plugin that cannot be loaded."""

raise RuntimeError("the flux capacitor is missing")
