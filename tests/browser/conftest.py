"""A real browser in front of a real Airflow: Debian's Chromium, which may talk to 127.0.0.1 alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

os.environ["PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"] = "1"

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.site import CHROMIUM, ROOT, Site, served

FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
#: A machine that is busy with other tests answers late.
expect.set_options(timeout=30_000)
#: Where ``make test-browser`` keeps pictures of the page.
PICTURES = os.environ.get("PICTURES")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser that is installed; none is ever downloaded."""
    assert CHROMIUM, "no Chromium is installed; 'make test-browser' installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(chromium: Browser) -> Iterator[Site]:
    """Airflow on the demo's data; only made where there is a browser to look at it."""
    with served() as site:
        yield site


@pytest.fixture(scope="session")
def tokens(site: Site) -> dict[str, str]:
    """What the login gave to each user."""
    return {user: site.token(user) for user in ("admin", "viewer")}


@pytest.fixture
def window(chromium: Browser, site: Site, tokens: dict[str, str]) -> Iterator[Callable[..., Page]]:
    """Opens windows as a user, or as nobody; in the end none of them has asked elsewhere or complained."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    complaints: list[str] = []

    def opened(user: str | None = "admin", **options: Any) -> Page:
        context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        if user:
            context.add_cookies([{"name": "_token", "value": tokens[user], "url": site.place.address}])
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert {urlsplit(url).hostname for url in asked if urlsplit(url).scheme in {"http", "https"}} <= {"127.0.0.1"}
    assert complaints == []


def _is_complaint(said: Any) -> bool:
    """Whether the console tells of a fault of the page: not of Airflow's own, nor of an answer that is a refusal."""
    is_ours = "/lifecycle/" in said.location.get("url", "")
    return said.type == "error" and is_ours and "Failed to load resource" not in said.text


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keeps a picture of a window for the documentation, where it is asked for."""

    def keep(page: Page, name: str) -> None:
        if PICTURES:
            place = Path(ROOT, PICTURES, f"page-{name}.png")
            page.screenshot(path=place)
            assert place.stat().st_size < 300_000

    return keep
