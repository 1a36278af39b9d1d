"""A real browser for the console's tests: Debian's chromium, driven by Playwright."""

import os
import shutil
from contextlib import contextmanager

import pytest

# Nothing of the console may be larger, before compression.
MAX_PAGE_BYTES = 300_000
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


def chromium():
    """The path of the browser, or a skip that says what is missing."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    found = os.environ.get("OPENTRAIL_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no chromium here: apt-get install chromium, or set OPENTRAIL_CHROMIUM")
    return found


@contextmanager
def launched():
    """The browser, for a session of tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: see tests/e2e/requirements.txt")
    path = chromium()
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Visit:
    """One person's browser window at one server. Whatever goes wrong inside it fails the test."""

    def __init__(self, browser, server, viewport=None, **context):
        self.server = server
        self.context = browser.new_context(
            viewport=viewport or DESKTOP, base_url=server.endpoint, locale="en-GB", timezone_id="Europe/Berlin", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: (self.complaints.append(f"a dialog: {dialog.message}"), dialog.dismiss()))

    def _on_console(self, message):
        # Refused scripts and styles are told here; so are answers that are no success, which tests look at themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def go(self, path, status=200):
        """Loads a page below /console/ and holds it against what is true of every page."""
        answer = self.page.goto(f"/console/{path.lstrip('/')}")
        assert answer.status == status, f"{path}: {answer.status}\n{self.page.inner_text('body')[:500]}"
        self.check(answer)
        return self.page

    def check(self, answer):
        policy = answer.header_value("content-security-policy") or ""
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.header_value("cache-control") == "no-store"
        size = len(answer.body())
        assert size < MAX_PAGE_BYTES, f"{answer.url} has {size} bytes"

    def sign_in_with_key(self, key=None, to=""):
        """With root's access key unless told otherwise."""
        key = key or self.server.root_key()
        self.page.goto(f"/console/sign-in?as=key&to={to}")
        self.page.fill("[name=access_key]", key[0])
        self.page.fill("[name=secret]", key[1])
        if len(key) > 2:
            self.page.fill("[name=token]", key[2])
        return self.submit()

    def submit(self):
        """Sends the form and waits for what comes of it."""
        with self.page.expect_navigation():
            self.page.click("main button.primary")
        return self

    def sign_in(self, user, password, account):
        self.page.goto("/console/sign-in" + ("" if user else "?as=root"))
        self.page.fill("[name=account]", account)
        if user:
            self.page.fill("[name=user]", user)
        self.page.fill("[name=password]", password)
        return self.submit()

    def axe(self):
        """What axe-core finds serious or critical on the present page."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{v['impact']} {v['id']}: {v['help']}: {[n['html'][:160] for n in v['nodes'][:4]]}"
            for v in found if v["impact"] in ("serious", "critical")
        ]

    def close(self):
        self.context.close()
        assert not self.complaints, self.complaints
