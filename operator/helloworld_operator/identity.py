"""The names by which HelloWorld's processes are known."""

from typing import Final

from helloworld_operator import __version__
from kopfkit.controller import Identity

IDENTITY: Final = Identity(
    "helloworld-operator",
    __version__,
    ("Available", "Progressing", "Degraded", "Ready", "Failed"),
)
