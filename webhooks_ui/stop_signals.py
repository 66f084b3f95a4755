"""The signals that end a process: at once while it starts, and later after what is under way."""

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGINT, SIGTERM, SIGQUIT, and SIGHUP, which a closed terminal sends.

    SIGHUP is missing if ``nohup`` started us.
    """
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, *(() if ignored else (signal.SIGHUP,)))


def end_start_quietly() -> None:
    """Let SIGINT end this process without a traceback until it handles the signal itself.

    A program calls this before its other imports, which take most of its start.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may want it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
