"""Settings of HelloWorld's processes that no other operator has."""

import os
from collections.abc import Mapping
from typing import Final

# Port of the greeting.
OPERAND_PORT: Final = 8080


def default_image(environment: Mapping[str, str] = os.environ) -> str | None:
    """The operand's default image: RELATED_IMAGE_HELLOWORLD, the name OLM's relatedImages use."""
    return environment.get("RELATED_IMAGE_HELLOWORLD", "").strip() or None
