"""What the commands that start things do when they are told to end."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def sigterm_like_ctrl_c() -> None:
    """Make SIGTERM, with which CI systems end a job, undo what is half done as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)


@contextlib.contextmanager
def until_ctrl_c() -> Iterator[None]:
    """What a command runs until Ctrl-C, SIGTERM, or the SIGHUP of a terminal that is closed.

    Where the description has changed, the process begins anew: it stays the terminal's, and all
    that it has imported is read again.
    """
    from kopfkit.local.localwatch import DescriptionChanged

    for number in _ENDING:
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    try:
        yield
    except DescriptionChanged:
        # A Ctrl-C waits until it can be handled.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
