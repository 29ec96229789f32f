"""Settings that all tests share."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

os.environ["KERAS_BACKEND"] = "torch"
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and what they start, ignore it
os.environ.pop("NO_COLOR", None)

settings.register_profile(
    "convsolve",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("convsolve")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden outputs of the command line")
