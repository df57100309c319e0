"""What `kopfkit run local` and `kopfkit dev` have in common: they run until Ctrl-C, and follow the
files of the checkout meanwhile."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.local import localwatch
from kopfkit.local.localchildren import Output
from kopfkit.local.localoperator import Operator
from kopfkit.local.localtarget import Target
from kopfkit.local.localwatch import DescriptionChanged, Generation


@dataclass
class Session(ABC):
    """One of the commands while it runs; `generation` is that of the operator's description."""

    operator: Operator
    target: Target
    output: Output
    generation: Generation

    @abstractmethod
    def work(self) -> None:
        """Do what the command is for."""

    @abstractmethod
    def end(self) -> bool:
        """End the processes; whether there was a Ctrl-C meanwhile."""

    @abstractmethod
    def leave(self) -> None:
        """Give back what was there, or say what stays; not where everything begins anew."""

    def run(self) -> None:
        """Work until KeyboardInterrupt, which is not passed on, and end everything in order.

        Raises:
            KopfkitError: something keeps it from working.
            DescriptionChanged: everything has to be read anew, by a new process.
        """
        self.output.say(f"{self.target.source}, API server {self.target.server}")
        again: DescriptionChanged | None = None
        try:
            self.work()
        except KeyboardInterrupt:
            self.output.say("ends")
        except DescriptionChanged as changed:
            again = changed
        finally:
            hurried = self.end()
            if again is None or hurried:
                self.leave()
        if again is not None and not hurried:
            raise again

    def takes(self, saved: list[Path], then: str) -> bool:
        """Whether saved files can run, which is told with what happens `then`; if they can, the
        generation of what they were is given up."""
        if broken := localwatch.broken(saved):
            self.output.say(f"{broken}; what runs stays until the next save")
            return False
        more = f" and {len(saved) - 1} more" if len(saved) > 1 else ""
        self.output.say(f"{os.path.relpath(saved[0])}{more} changed: {then}")
        self.generation.cancel()
        return True

    def follow(self, then: str, apply: Callable[[], None] = lambda: None) -> bool:
        """Whether a generation is over, after `apply` where it made something else or is the first.

        Raises:
            DescriptionChanged: it made something else, which is told with what happens `then`.
        """
        if not self.generation.over():
            return False
        try:
            first, changed = self.generation.first, self.generation.changed()
            if changed:
                apply()
        except KopfkitError as error:
            self.output.say(f"{error}")
            return False
        if changed and not first:
            self.output.say(f"the description has changed: {then}")
            raise DescriptionChanged
        return True
