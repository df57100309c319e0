"""Settings of HelloWorld's processes that no other operator has."""

from typing import Final

# Port of the greeting.
OPERAND_PORT: Final = 8080
