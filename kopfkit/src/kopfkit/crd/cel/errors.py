"""What can go wrong with a rule: when it is compiled, and when it is evaluated."""

from kopfkit.crd.errors import CrdError


class UnsupportedRule(CrdError):
    """The rule cannot be compiled: it is no CEL, or uses a part of it that is not known here."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(
            f"rule {rule!r}",
            why,
            "Mend the rule; if the API server takes it as it is, only the API server can judge it.",
        )


class CelError(Exception):
    """The evaluation has no value: a missing key, a type without the operation. The API server
    takes it as a rule that does not hold."""
