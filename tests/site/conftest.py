"""A browser on the built site. Every page that a test opens must be quiet: no error, no request to another host."""

import functools
import http.server
import shutil
import threading
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, as containers have none; no traffic of the browser's own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def site(pytestconfig):
    return pytestconfig.getoption("site").resolve()


@pytest.fixture(scope="session")
def site_url(site):
    """The site on a server of this process."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def file_url(site):
    """The site as files."""
    return site.as_uri() + "/"


@pytest.fixture(scope="session")
def browser():
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail(f"Expected one of {', '.join(CHROMIUM)} on the path. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site_url):
    """Opens a page with options of the browser's context; what went wrong on any of them fails the test."""
    contexts, wrong = [], []

    def open_page(address, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}") if broken(request) else None)
        page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.on("request", lambda request: wrong.append(f"foreign: {request.url}") if foreign(request.url) else None)
        page.goto(address if ":" in address else site_url + address)
        return page

    def broken(request):
        return request.failure != "net::ERR_ABORTED"  # which is what leaving a page does

    def foreign(url):
        return urlsplit(url).netloc not in ("", urlsplit(site_url).netloc)

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
