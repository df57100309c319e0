"""What holds for all tests."""

import signal

# A shell starts background jobs with SIGINT ignored, Python and its children inherit that, and then
# no test could press Ctrl-C: a CI system may be such a shell.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
