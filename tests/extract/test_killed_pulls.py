"""A pull that is killed leaves nothing that the next one would not."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.shop import Shop
from lifecycle import warehouse
from lifecycle.testing.cases import RecordingHost
from lifecycle.testing.pages import change_sources, in_pages_of
from tests.databases import NewDatabase, with_every_stream
from tests.extract.pulls import ORDERS, names, pull, raw, rows

PROJECT = Path(__file__).parents[2]


PULL = """
import datetime, sys
from lifecycle import extract, settings
from lifecycle.sources.woocommerce import WooCommerceShop
shop = WooCommerceShop(kind="woocommerce", connection="shop", timezone="UTC", currency="USD")
where = settings.Connection("shop", host=sys.argv[2], login="ck_demo", password="cs_demo")
extract.run(sys.argv[1], "demo", shop, where, datetime.date(2017, 12, 31))
"""


@contextlib.contextmanager
def pulling(url: str, host: RecordingHost, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pull in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "plugins"), "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", PULL, url, host.url], env=environment) as process:
        yield process
        process.kill()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.02)


def alone(url: str) -> bool:
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    return rows(url, others) == [(0,)]


def content(url: str) -> list[Any]:
    documents = [f"select id, source, cursor_at, doc from raw.woocommerce__{s}" for s in names("woocommerce")]
    return [sorted(map(str, rows(url, statement))) for statement in documents] + [
        sorted(rows(url, "select source, stream, run_date, documents, cursor_at from raw.pull"))
    ]


@pytest.fixture
def big_shop(host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
    """A shop of 17 pages."""
    change_sources(monkeypatch, partial(in_pages_of, 100))
    at = {"status": "completed", "date_created_gmt": "2017-12-01T00:00:00"}
    orders = [{"id": n, **at} for n in range(1, 1101)]
    host.show(Shop(orders=orders, products=[{"id": n} for n in range(1, 501)]).app)
    return host


def test_a_pull_that_is_killed_at_any_moment_and_repeated_gives_what_one_gives(
    new_database: NewDatabase, big_shop: RecordingHost, tmp_path: Path
) -> None:
    undisturbed, url = new_database(with_every_stream), new_database(with_every_stream)
    pull(undisturbed, big_shop)
    with pulling(url, big_shop, tmp_path) as process:
        death = threading.Timer(random.uniform(0, 0.8), process.kill)  # noqa: S311 - any moment will do
        big_shop.before_call[len(big_shop.calls) + random.randint(1, 17)] = death.start  # noqa: S311
        process.wait()
    until(partial(alone, url))
    if rows(url, "select * from raw.pull"):  # it was whole before it died, so the next goes on where it ended
        pull(undisturbed, big_shop)
    pull(url, big_shop)
    assert content(url) == content(undisturbed)
    assert not [folder for folder in tmp_path.iterdir() if folder.name.startswith("lifecycle-")]


def test_a_pull_that_is_killed_just_before_it_commits_leaves_nothing(
    url: str, big_shop: RecordingHost, tmp_path: Path
) -> None:
    blocked = "select count(*) > 0 from pg_locks where relation = 'raw.pull'::regclass and not granted"
    with warehouse.connect(url) as gate:
        gate.execute("lock table raw.pull in share mode")  # it can be read, and not written
        with pulling(url, big_shop, tmp_path) as process:
            until(lambda: rows(url, blocked) == [(True,)])
            process.kill()
            assert process.wait() == -signal.SIGKILL
    until(partial(alone, url))
    assert raw(url, ORDERS) == {}
    assert rows(url, "select * from raw.pull") == []
    assert pull(url, big_shop) == {"orders": 1100, "customers": 0, "products": 500}
