"""The pytest plugin: ``--convsolve``, ``--explain-shapes`` and the fixture ``assert_accepts``. Nothing unless asked."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.caller_errors import pass_on

__all__ = ["assert_accepts", "pytest_addoption", "pytest_collection_modifyitems", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options ``--convsolve`` and ``--explain-shapes``."""
    group = parser.getgroup("convsolve")
    group.addoption("--convsolve", action="store_true",
                    help="judge the networks that [tool.convsolve] of pyproject.toml names, as tests")  # fmt: skip
    group.addoption(
        "--explain-shapes", action="store_true", help="explain the shape errors of failing tests (convsolve)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each network that the project declares, if asked to."""
    if not config.getoption("--convsolve"):
        return
    from ..errors import ConvsolveError
    from ..project import find_project, read_project

    try:
        file = find_project(config.rootpath)
        if file is None:
            raise pytest.UsageError(f"--convsolve: no pyproject.toml from {config.rootpath} up has [tool.convsolve]")
        project = read_project(file)
    except ConvsolveError as error:
        raise pytest.UsageError(f"--convsolve: {error}") from None
    parent = _Networks.from_parent(session, path=project.file)
    items += [_Network.from_parent(parent, name=declared.name, declared=declared, project=project)
              for declared in project.networks]  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Watch for failing tests, if asked to."""
    if config.getoption("--explain-shapes"):
        config.pluginmanager.register(_Explainer(), "convsolve-explainer")


@pytest.fixture
def assert_accepts() -> Any:
    """Return :func:`convsolve.testing.assert_accepts`: a network takes every one of some input sizes."""
    from .assertions import assert_accepts

    return assert_accepts


class _Networks(pytest.File):
    """The file that declares networks."""

    def collect(self) -> list[pytest.Item]:
        """Return nothing: what it declares is added to the tests that were collected."""
        return []


class _Network(pytest.Item):
    """A declared network, as a test: it passes where everything that the project says of it holds."""

    def __init__(self, *, declared: Any, project: Any, **options: Any) -> None:
        super().__init__(**options)
        self.declared, self.project = declared, project

    def runtest(self) -> None:
        """Judge the network."""
        from ..project import judge

        judgement = judge(self.declared, self.project.folder)
        if judgement.verdict != "valid":
            raise _NotValid("\n".join([f"{judgement.verdict}: {self.declared.source}", *judgement.lines]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what was found, without the way there."""
        if isinstance(excinfo.value, _NotValid):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Return where it is declared."""
        return self.path, self.declared.place[0] - 1, f"{self.path.name}::{self.name}"


class _NotValid(Exception):
    """A declared network is not valid, not known, or not read."""


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
