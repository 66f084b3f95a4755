"""The supervisor: loads the application once, forks all processes, and starts again what dies.

Run ``python -m webhooks_ui.run.supervisor [PROGRAM…]``. Forked processes share the memory of the loaded application.
A fork copies only the thread that calls it, and locks as they are. So the supervisor has one thread, and opens neither
the database nor a connection.
"""

from webhooks_ui.stop_signals import end_start_quietly, stop_signals

if __name__ == "__main__":
    end_start_quietly()

import argparse
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from config import ConfigError, keep, load
from webhooks_ui import logs
from webhooks_ui.die_with_parent import SUPERVISOR, die_with_parent
from webhooks_ui.memory import fill_gaps, give_back, return_memory
from webhooks_ui.run.programs import DEFAULT, FORKS, NAMES, Program, programs

START_SECONDS = 1.0  # a process that ends sooner has not started, and waits before it is started again
PAUSE_MAX_SECONDS = 30.0  # the pauses grow by a second each

logger = logging.getLogger(__name__)


class Child:
    """A program and its process, if that runs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pid = 0
        self.failures = 0  # starts in a row that failed
        self.due_at = 0.0  # when to start it, or while it ends, when to kill it. On the monotonic clock
        self.started_at = 0.0
        self.is_ending = False

    def note_start(self, pid: int) -> None:
        self.pid, self.started_at = pid, time.monotonic()

    def note_end(self, status: int) -> None:
        """Take note that the process ended, and decide when to start it again."""
        now = time.monotonic()
        pause = self._pause(is_failure=now - self.started_at < START_SECONDS)
        if not self.is_ending:
            code = os.waitstatus_to_exitcode(status)
            how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with {code}"
            logger.warning("%s %s. It starts again in %d s.", self.program.name, how, pause)
        self.pid, self.due_at = 0, now + pause

    def note_no_start(self) -> None:
        """Take note that the system made no process, and decide when to try again."""
        self.due_at = time.monotonic() + self._pause(is_failure=True)

    def _pause(self, *, is_failure: bool) -> float:
        self.failures = self.failures + 1 if is_failure else 0
        return min(float(self.failures), PAUSE_MAX_SECONDS)

    def end(self) -> None:
        """Tell the process to end. Kill it when its patience is over."""
        now = time.monotonic()
        if not self.is_ending:
            self.is_ending, self.due_at = True, now + self.program.patience_seconds
            os.kill(self.pid, signal.SIGTERM)
        elif now >= self.due_at:
            logger.warning("%s doesn't end, and is killed.", self.program.name)
            self.due_at = now + self.program.patience_seconds
            os.kill(self.pid, signal.SIGKILL)


class Supervisor:
    """Keeps a process of each program running."""

    def __init__(self, wanted: Sequence[Program]) -> None:
        self._children = [Child(program) for program in wanted]
        self._stops = False
        self._trouble = logs.Seldom(logger)
        self._stopping = stop_signals()
        self._watched = (signal.SIGCHLD, signal.SIGALRM, *self._stopping)

    def run(self) -> Program | None:
        """Run until one of the ``stop_signals``, and then until all processes have ended. Return ``None``.

        In each forked process, return what it is to run. So it runs without the supervisor's frames and signals.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored would wake nobody on macOS
        while True:
            self._reap()
            if self._stops:
                self._end()
                if not any(child.pid for child in self._children):
                    return None
            elif forked := self._start():
                return forked
            self._wait()

    def _start(self) -> Program | None:
        """Start what is due. Return in a forked process what it is to run."""
        for child in self._children:
            if not child.pid and child.due_at <= time.monotonic() and not self._fork(child):
                return child.program
        return None

    def _fork(self, child: Child) -> bool:
        """Fork. Return False in the new process.

        Raises:
            RuntimeError: There are threads. A lock that one of them holds would never be free in the new process.
        """
        if threading.active_count() > 1:
            raise RuntimeError(f"The supervisor has threads, and can't fork: {threading.enumerate()}")
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # too many processes, or too little memory
            self._trouble.say("%s can't be started, trying again: %s.", child.program.name, error.strerror)
            child.note_no_start()
            return True
        if pid:
            child.note_start(pid)
            self._trouble.over("Processes can be started again.")
            return True
        die_with_parent(parent)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._watched)
        return False

    def _end(self) -> None:
        """End the processes that started last. The others stay until these have ended."""
        running = [child for child in self._children if child.pid]
        last = max((child.program.order for child in running), default=0)
        for child in running:
            if child.program.order == last:
                child.end()

    def _reap(self) -> None:
        """Take note of the processes that have ended."""
        for child in self._children:
            if child.pid:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    child.note_end(status)

    def _wait(self) -> None:
        """Wait for a signal, or until a process is to be started, or killed because it doesn't end."""
        dates = [child.due_at for child in self._children if (child.is_ending if child.pid else not self._stops)]
        if dates:
            signal.setitimer(signal.ITIMER_REAL, max(min(dates) - time.monotonic(), 0.001))
        self._stops = signal.sigwait(self._watched) in self._stopping or self._stops
        signal.setitimer(signal.ITIMER_REAL, 0)


def _signal_name(number: int) -> str:
    """Return the name of a signal. Most signals for real time have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def prepare(settings: Mapping[str, Any], wanted: Sequence[Program]) -> None:
    """Load what the programs need, and take it out of garbage collection.

    A collection would write to all objects, and so end the sharing of their memory.
    """
    # Imported here, so that a supervisor that doesn't fork stays small.
    from webhooks_ui import app
    from webhooks_ui.run import web as web_server
    from webhooks_ui.run.warm_up import warm_up_database, warm_up_pages

    web = any(program.name == "web" for program in wanted)
    return_memory()
    gc.disable()
    keep(settings)
    for program in wanted:
        program.load()
    warm_up_database(settings)
    made = app.create_ahead(settings, web=web)
    if web:
        warm_up_pages(made)
        web_server.configure()
    gc.freeze()
    give_back()
    fill_gaps()
    gc.enable()


def main() -> None:
    """Supervise until one of the ``stop_signals``. A forked process returns from here when its program is over."""
    parser = argparse.ArgumentParser(
        prog="python -m webhooks_ui.run.supervisor",
        description="Load the application once, run programs in processes that share it, and start again what dies.",
    )
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help=f"{', '.join(NAMES)}. Default: {' '.join(DEFAULT)}")
    names = parser.parse_args().names or DEFAULT
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no program {min(unknown)!r}. Choose from: {', '.join(NAMES)}")
    os.environ[SUPERVISOR] = str(os.getpid())
    try:
        settings = load()
    except ConfigError as error:
        sys.exit(f"Error: {error}")
    logs.configure(settings, "supervisor")
    wanted = programs(settings, names)
    if FORKS:
        prepare(settings, wanted)
    forked = Supervisor(wanted).run()
    if forked:
        forked.run()


if __name__ == "__main__":
    main()
