"""The signals that end a process after what is under way."""

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGINT, SIGTERM, SIGQUIT, and SIGHUP, which a closed terminal sends.

    SIGHUP is missing if ``nohup`` started us.
    """
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, *(() if ignored else (signal.SIGHUP,)))
