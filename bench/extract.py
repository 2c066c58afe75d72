"""Landing documents, against psycopg's COPY and ON CONFLICT on the same rows: ``make bench NAME=extract``.

``landing_vs_copy`` is the rate of ``extract`` (pages in memory, so that no API hides it) over the rate of the plain
statement pair, both into an empty table, in one run, repeated in pairs; the median counts.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg

from demo import postgres
from lifecycle import extract
from lifecycle.sources import Page, Stream

DOCUMENTS = 100_000
PAGE = 100
PAIRS = 3
HOME = Path("build/bench/postgres")
RESULT = Path("build/bench/extract.json")


def pages(_: datetime | None) -> Iterator[Page]:
    """Orders of about 2 kB."""
    lines = [{"id": n, "name": "a product of the shop's catalogue", "quantity": 2, "total": "19.90"} for n in range(20)]
    for start in range(0, DOCUMENTS, PAGE):
        yield [
            {"id": start + n, "date_modified_gmt": "2017-12-24T12:00:00", "status": "completed", "line_items": lines}
            for n in range(PAGE)
        ]


def landing(url: str) -> float:
    """Seconds that our own way takes: dlt into the landing schema, then the merge."""
    stream = Stream("orders", lambda order: str(order["id"]), lambda _: datetime(2017, 12, 24, 12, tzinfo=UTC), pages)
    began = time.perf_counter()
    extract.land(url, "bench", "woocommerce", [stream], date(2017, 12, 24))
    return time.perf_counter() - began


def copy(url: str) -> float:
    """Seconds that a COPY into a temporary table and an INSERT … ON CONFLICT take."""
    began = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table landed (like raw.woocommerce__orders) on commit drop")
        with cursor.copy("copy landed (id, source, cursor_at, doc, loaded_at, is_deleted) from stdin") as rows:
            now = datetime.now(UTC)
            for page in pages(None):
                for order in page:
                    rows.write_row([f"bench/{order['id']}", "bench", now, orjson.dumps(order).decode(), now, False])
        cursor.execute(
            "insert into raw.woocommerce__orders select * from landed on conflict (id) do update"
            " set doc = excluded.doc, loaded_at = excluded.loaded_at"
        )
    return time.perf_counter() - began


def main() -> None:
    """Run the pairs, print the table, write the result."""
    postgres.start(HOME)
    url = postgres.create_database(HOME, "bench")
    extract.prepare(url)
    rates: dict[str, list[float]] = {"landing": [], "copy": []}
    for _ in range(PAIRS):
        for name, way in (("landing", landing), ("copy", copy)):
            with psycopg.connect(url) as connection:
                connection.execute("truncate raw.woocommerce__orders, raw.pull")
            rates[name].append(DOCUMENTS / way(url))
    postgres.remove(HOME)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["landing"], rates["copy"], strict=True))
    result: dict[str, Any] = {f"{name}_per_second": round(statistics.median(values)) for name, values in rates.items()}
    result["landing_vs_copy"] = round(ratio, 3)
    for name, value in result.items():
        sys.stdout.write(f"{name:<24}{value:>12,}\n")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
