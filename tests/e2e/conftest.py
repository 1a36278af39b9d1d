"""Servers for tests: own directory and port each, stopped with SIGTERM and asked for exit status 0."""

import pytest

from browser import Visit, launched
from server import Server


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=20, help="how often the crash test kills the server")


@pytest.fixture
def make_server(tmp_path):
    """Servers with settings of their own."""
    made = []

    def make(name="data", **settings):
        made.append(Server(tmp_path / name, **settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def server(tmp_path):
    """A fresh server for one test."""
    server = Server(tmp_path / "data").start()
    yield server
    try:
        if server.process is not None:
            server.stop()
    finally:
        server.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for a file of tests that do not disturb each other."""
    server = Server(tmp_path_factory.mktemp("shared") / "data").start()
    yield server
    try:
        server.stop()
    finally:
        server.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the server said when a test fails."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for name in ("server", "shared"):
            server = item.funcargs.get(name)
            if isinstance(server, Server) and server.log_path.exists():
                report.sections.append(("what the server said", server.log_tail()))


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium; tests that need it are skipped where it is not."""
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser, shared):
    """Browser windows at the shared server, each with cookies of its own."""
    made = []

    def make(server=None, **options):
        made.append(Visit(browser, server or shared, **options))
        return made[-1]

    yield make
    for window in made:
        window.close()
