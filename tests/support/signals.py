"""The signals that programs inherit from the tests that start them."""

import signal

_PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}
"""Python itself ignores these, and its subprocess sets them back in what it starts."""


def give_programs_default_signals() -> None:
    """Let every program that this process starts have the default of each signal, whatever is ignored here.

    A shell lets its background jobs ignore SIGINT and SIGQUIT, and nohup lets a program ignore SIGHUP; whatever they
    start ignores them too. A signal that has a handler gets its default in a program that is started, so a handler that
    does nothing takes the place of ignoring.
    """
    for number in signal.valid_signals() - _PYTHONS_OWN:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)


def _do_nothing(*_: object) -> None:
    pass
