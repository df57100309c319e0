"""What the commands that start things do when they are told to end."""

import signal
from types import FrameType


def sigterm_like_ctrl_c() -> None:
    """Make SIGTERM, with which CI systems end a job, undo what is half done as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
