"""Start the command line: the script `auxhead` and `python -m auxhead` begin here, before anything else is imported."""

from __future__ import annotations

import os

STOPPED = 130  # what shells give a process that Ctrl-C ended


def main() -> None:
    """Run the command line; Ctrl-C ends it in one line from here on, also while modules are still imported.

    A Ctrl-C in the few hundredths of a second before is the system's or Python's own to answer, with a traceback: no
    code of a package can be earlier.
    """
    try:
        _run()
    except KeyboardInterrupt:  # while `signal` was imported, or between two lines of ours
        _stop()


def _run() -> None:
    """End at once on Ctrl-C until the command begins and after it has ended, when there is nothing to clean up.

    A KeyboardInterrupt is lost where it meets a callback of the import system or of a thread that ends.
    """
    import signal  # not above: it takes as long as all that Python has done before

    usual = signal.getsignal(signal.SIGINT)
    outside = _stop if usual is signal.default_int_handler else usual  # a shell may have it ignored in the background
    signal.signal(signal.SIGINT, outside)
    from auxhead.cli.app import main as run

    try:
        signal.signal(signal.SIGINT, usual)
        run()
    finally:
        signal.signal(signal.SIGINT, outside)


def _stop(*_: object) -> None:
    os.write(2, b"auxhead: stopped\n")
    os._exit(STOPPED)


if __name__ == "__main__":
    main()
