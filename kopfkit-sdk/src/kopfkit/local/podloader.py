"""PID 1 of a pod while `kopfkit dev` runs: starts the operator from the files that were sent, anew
at each SIGHUP. Its text is the pod's command, so it imports the standard library only.

Arguments: a directory, and what Python is given to run. The directory gets `src`, which comes
before all else that is imported; nothing is started before it is there.
"""

import contextlib
import os
import signal
import subprocess
import sys

# Seconds that the process gets to end: a webhook would wait for connections that are kept.
GRACE = 2.0
# What it says of the process, in the pod's log: `kopfkit dev` reads it there.
STARTS = "starting the code"
ENDED = "exited with status"
SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def start(directory: str, words: list[str]) -> "subprocess.Popen[bytes]":
    """The operator's process."""
    print(STARTS, flush=True)
    environ = dict(os.environ)
    # Bytecode is taken for a file's by the second and the size: kept elsewhere it would outlive
    # the directory, and two saves within a second could run as the first.
    environ.pop("PYTHONPYCACHEPREFIX", None)
    path = [f"{directory}/src", environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, *words],
        env={**environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        # A group of its own: a debugger's adapter ends with it.
        start_new_session=True,
        # What is blocked here would be blocked there.
        preexec_fn=_unblock,
    )


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """End it and what it started."""
    if process is None:
        return
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(directory: str, *words: str) -> None:
    """Wait for signals; SIGTERM ends it."""
    process = None
    # PID 1 gets no signal that came before it could handle it: the code may be there already.
    if os.path.exists(f"{directory}/src"):
        process = start(directory, list(words))
    else:
        print("waiting for the code", flush=True)
    while True:
        number = signal.sigwait(SIGNALS)
        if number == signal.SIGHUP:
            end(process)
            reap()
            process = start(directory, list(words))
        elif number != signal.SIGCHLD:
            end(process)
            return
        elif process is not None and process.poll() is not None:
            print(f"{ENDED} {process.returncode}; waits for the next save", flush=True)
            process = None


def reap() -> None:
    """Take in the zombies: PID 1 is the parent of all orphans."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    main(*sys.argv[1:])
