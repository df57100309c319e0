"""The conversion guard in a bundle that somebody else wrote: put in, and taken out again."""

from kopfkit.packaging.guards.bundles import Plan, inject, outputs, remove

__all__ = ["Plan", "inject", "outputs", "remove"]
