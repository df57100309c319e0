"""The one error a person sees: what failed, why, and what to do about it.

Everything kopfkit refuses on purpose is raised as `KopfkitError` or a subclass of it. A command
line turns it into one clear message and a non-zero exit; any other exception is a bug and keeps its
traceback.
"""

__all__ = [
    "KopfkitError",
]


class KopfkitError(Exception):
    """An expected failure, told to the person who can mend it.

    Args:
        what: the thing that failed, by name ("port 2345", "image quay.io/x/y:1").
        why: the reason, as a clause ("is in use by process 812").
        hint: what to do, as a sentence, or "" where nothing can be advised.
    """

    def __init__(self, what: str, why: str, hint: str = "") -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.what}: {self.why}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text
