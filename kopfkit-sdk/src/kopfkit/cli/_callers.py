"""Errors in the words of whoever called: make has variables and targets, the command has flags.

The same error reaches somebody who typed `make bundle IMG=x` and somebody who typed `kopfkit bundle
generate --img x`. Only what the Makefile at hand defines is named.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# The command, and the target that runs it in a Makefile made by kopfkit. The longer ones first.
TARGETS: Final = {
    "kopfkit bundle generate": "bundle",
    "kopfkit bundle validate": "bundle-validate",
    "kopfkit catalog generate": "catalog",
    "kopfkit catalog validate": "catalog-validate",
    "kopfkit cluster down": "cluster-down",
    "kopfkit cluster up": "cluster-up",
    "kopfkit image build operator": "docker-build",
    "kopfkit run bundle-upgrade": "bundle-upgrade",
    "kopfkit run bundle": "bundle-run",
    "kopfkit run local": "run",
    "kopfkit dev": "dev",
    "kopfkit manifests": "manifests",
    "kopfkit unsubscribe": "unsubscribe",
    "kopfkit subscribe": "subscribe",
    "kopfkit cleanup": "bundle-cleanup",
}
VARIABLES: Final = {
    "--img": "IMG",
    "--bundle-img": "BUNDLE_IMG",
    "--version": "VERSION",
    "--channels": "CHANNELS",
    "--channel": "DEFAULT_CHANNEL",
    "--default-channel": "DEFAULT_CHANNEL",
    "--base-image": "BASE_IMAGE",
    "--image-base": "IMAGE_TAG_BASE",
    "--kind": "CLUSTER",
    "--name": "CLUSTER_NAME",
    "--key": "KEY",
    "--platform": "PLATFORMS",
    "--date": "DATE",
    "--offline": "OFFLINE=1",
    "--push": "PUSH=1",
}
# A flag's value, where one follows and not the rest of the sentence.
_VALUE: Final = r"[ =](?!(?:and|or|with|to|for|is)\b)([\w./:-]*\w)"
_VENV: Final = ".venv/bin"


def fitting(text: str, environ: Mapping[str, str], directory: Path) -> str:
    """An error's text for its reader.

    Args:
        text: with commands and flags, or with targets.
        environ: of the process; make sets MAKELEVEL.
        directory: the working directory, which may have a Makefile.
    """
    from kopfkit.cli import COMMANDS

    path = directory / "Makefile"
    makefile = path.read_text("utf-8", "replace") if path.is_file() else ""
    if not makefile:
        for command, target in TARGETS.items():
            text = re.sub(rf"\bmake {target}(?![\w-])", command, text)
        return text
    if "MAKELEVEL" not in environ:
        return text
    for command, target in TARGETS.items():
        if re.search(rf"^{target}:", makefile, re.MULTILINE):
            text = re.sub(rf"\b{command}(?![\w-])", f"make {target}", text)
    if (directory / _VENV / "kopfkit").is_file():
        # Whoever calls make has nothing on PATH.
        text = re.sub(
            rf"(?<![\w/.-])kopfkit (?=({'|'.join(COMMANDS)})\b)", rf"{_VENV}/kopfkit ", text
        )
    for flag, variable in VARIABLES.items():
        name, _, fixed = variable.partition("=")
        if re.search(rf"^{name} *\?=", makefile, re.MULTILINE):
            mention = rf"(?<![\w-]){flag}(?![\w-])"
            if not fixed:
                text = re.sub(mention + _VALUE, rf"{name}=\1", text)
            text = re.sub(mention, variable, text)
    return text
