"""A new operator of two kinds with two versions each, as `kopfkit create api` makes it."""

import re

from .test_new_operator import Folder, folder

__all__ = ["folder"]


def test_both_kinds_are_converted_once_their_functions_are_written(folder: Folder) -> None:
    folder.check("kopfkit", "init", "--domain", "example.org", "--project-name", "cache-operator")
    for kind in ("Memcached", "Tier"):
        for version in ("v1alpha1", "v1"):
            words = ("--group", "cache", "--version", version, "--kind", kind)
            folder.check("kopfkit", "create", "api", *words)
    # One for the hub, and one for a version that is converted first.
    for kind, version in (("Memcached", "v1"), ("Tier", "v1alpha1")):
        words = ("--group", "cache", "--version", version, "--kind", kind)
        folder.check("kopfkit", "create", "webhook", *words, "--defaulting", "--validation")
    for module in ("memcached", "tier"):
        path = folder.path / "cache_operator" / f"{module}_conversion.py"
        text = re.sub(
            r"raise NotImplementedError\(.*?\n    \)",
            "return content",
            path.read_text(),
            flags=re.DOTALL,
        )
        path.write_text(text)
    folder.check("ruff", "check")
    folder.check("ruff", "format", "--check")
    folder.check("mypy")
    # Its own control plane and operator are started by its own fixtures.
    folder.check("pytest", "-q")
    for command in ("manifests", "bundle generate", "bundle validate"):
        folder.check("kopfkit", *command.split())
