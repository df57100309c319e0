"""The error of a text that is not what Kubernetes reads."""

from kopfkit.errors import KopfkitError


class DocumentError(KopfkitError):
    """A YAML or JSON text that cannot be read.

    Args:
        name: the file, as it was named by the caller.
        line: where in it, from 1; 0 for the whole of it.
        why: what is wrong, as a clause.
        hint: what to do, as a sentence.
    """

    def __init__(self, name: str, line: int, why: str, hint: str = "") -> None:
        super().__init__(f"{name}:{line}" if line else name, why, hint)
        self.name = name
        self.line = line

    @property
    def clause(self) -> str:
        """What is wrong and in which line, for a list of faults that names the file itself."""
        return f"{self.why} (line {self.line})" if self.line else self.why
