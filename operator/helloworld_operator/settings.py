"""Settings of HelloWorld's processes that no other operator has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kopfkit.controller.settings import Settings as ManagerSettings

# Port of the greeting.
OPERAND_PORT: Final = 8080


@dataclass(frozen=True)
class Settings(ManagerSettings):
    """The controller's settings.

    Attributes:
        image: the operand's default image (RELATED_IMAGE_HELLOWORLD), or None.
    """

    image: str | None = None


def default_image(environment: Mapping[str, str] = os.environ) -> str | None:
    """The operand's default image: RELATED_IMAGE_HELLOWORLD, the name OLM's relatedImages use."""
    return environment.get("RELATED_IMAGE_HELLOWORLD", "").strip() or None
