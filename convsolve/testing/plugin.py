"""The pytest plugin: ``--explain-shapes`` and the fixture ``assert_accepts``. It does nothing unless asked."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.caller_errors import pass_on

__all__ = ["assert_accepts", "pytest_addoption", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--explain-shapes``."""
    parser.getgroup("convsolve").addoption(
        "--explain-shapes", action="store_true", help="explain the shape errors of failing tests (convsolve)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch for failing tests, if asked to."""
    if config.getoption("--explain-shapes"):
        config.pluginmanager.register(_Explainer(), "convsolve-explainer")


@pytest.fixture
def assert_accepts() -> Any:
    """Return :func:`convsolve.testing.assert_accepts`: a network takes every one of some input sizes."""
    from .assertions import assert_accepts

    return assert_accepts


class _Explainer:
    """Explains each failing test whose exception is a shape error, at the end of the run."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
        """Keep the explanation with the report, which may come from another process."""
        report = yield
        if call.excinfo is not None and report.failed:
            text = _explained(call.excinfo.value)
            if text:
                report.user_properties.append(("convsolve", text))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the explanations."""
        self.found += [(report.nodeid, str(text)) for name, text in report.user_properties
                       if name == "convsolve" and report.failed]  # fmt: skip

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the explanations."""
        if self.found:
            terminalreporter.section("shape errors, explained by convsolve")
            for name, text in self.found:
                terminalreporter.write_line(f"{name}\n{text}\n")


def _explained(error: BaseException) -> str:
    from ..explanations.explain import explain

    try:
        found = explain(error)
    except Exception as problem:  # the run of the tests goes on, whatever happens here
        pass_on(problem, within=error)
        return f"convsolve: no explanation ({type(problem).__name__})"
    return str(found) if found.findings else ""
