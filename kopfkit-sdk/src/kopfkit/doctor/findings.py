"""One finding about a kopf project: what is wrong, why that matters, and the way out."""

from dataclasses import dataclass
from typing import Final

# What OLM or the description refuses, or what fails in a cluster; and what goes wrong there later.
ERROR: Final = "error"
WARNING: Final = "warning"


@dataclass(frozen=True)
class Finding:
    """A finding.

    Attributes:
        rule: an identifier, which does not change.
        severity: ERROR or WARNING.
        file: relative to the project; "" for the project as a whole.
        line: in the file, from 1; 0 for the whole of it.
        why: what is wrong and why it matters, as a clause.
        hint: the way out, as a sentence.
    """

    rule: str
    severity: str
    file: str
    line: int
    why: str
    hint: str
