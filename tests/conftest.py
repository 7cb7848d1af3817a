"""What holds for all tests.

Hypothesis draws the same examples in every run; `pytest --hypothesis-profile=random` looks further. Programs that tests
start ignore no signal, however pytest itself was started.
"""

from hypothesis import HealthCheck, settings

from tests.support.signals import give_programs_default_signals

# A machine that is busy with something else makes no test fail.
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", RELAXED, derandomize=True, max_examples=200)
settings.register_profile("random", RELAXED, print_blob=True, max_examples=2000)
settings.load_profile("repeatable")

give_programs_default_signals()
