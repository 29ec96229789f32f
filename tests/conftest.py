"""Settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ["KERAS_BACKEND"] = "torch"
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
