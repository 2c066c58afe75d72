"""Landing documents at size: ``make bench NAME=extract``.

- ``landing_vs_copy``: the rate of ``extract.land`` (pages in memory, so that no API hides it) over that of psycopg's
  COPY and ON CONFLICT on the same rows, both into an empty table;
- ``increment_4m_vs_1m``: seconds to land 10,000 documents, half of them changed (spread over the whole table) and half
  new, into a table of 4 million over those into one of 1 million; ``increment_database_4m_vs_1m`` is the same of the
  server's active time, without what dlt costs anyhow;
- ``staging_increment_vs_full``: seconds that dbt takes for ``stg_woocommerce__orders`` after 10,000 changed documents,
  over those for all of a million: only documents that changed are parsed;
- ``peak_mb_2m_vs_10k``: the largest resident memory of a process that lands 2 million documents of 300 bytes, over that
  of one that lands 10,000.

What is compared is measured in turn, several times; the median counts.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import orjson
import psycopg

from bench import stages
from demo import postgres
from lifecycle import extract
from lifecycle.sources import Document, Stream

DOCUMENTS = 100_000
SMALL, LARGE, INCREMENT = 1_000_000, 4_000_000, 10_000
FEW, MANY = 10_000, 2_000_000
PAGE = 100
PAIRS, NIGHTS = 3, 7
MODEL = "stg_woocommerce__orders"
RUN_DATE = date(2017, 12, 24)
CHANGED_AT = datetime(2017, 12, 24, 12, tzinfo=UTC)
HOME = Path("build/bench/postgres")
RESULT = Path("build/bench/extract.json")
LINE = {"id": 1, "product_id": 7, "name": "a product of the catalogue", "quantity": 2, "total": "19.90"}

Pairs = list[tuple[float, float]]

# Ten thousand a minute, as a first load would have left them.
FILL = """
insert into raw.woocommerce__orders (id, source, cursor_at, doc, loaded_at)
select 'bench/' || n, 'bench', timestamptz '{at}', '{order}'::jsonb || jsonb_build_object('id', n),
    timestamptz '{at}' + n / 10000 * interval '1 minute'
from generate_series(0, {documents} - 1) as n
"""


def order(number: int, lines: int = 1, total: str = "19.90") -> Document:
    """An order; of about 300 bytes with one line."""
    return {
        "id": number,
        "status": "completed",
        "currency": "CHF",
        "total": total,
        "date_created_gmt": "2017-12-24T12:00:00",
        "customer_id": 0,
        "billing": {"email": "person@example.com", "country": "CH", "postcode": "8001"},
        "line_items": [LINE] * lines,
    }


def orders(documents: int, lines: int = 1) -> Iterator[Document]:
    """So many orders."""
    return (order(number, lines) for number in range(documents))


def land(url: str, documents: Iterator[Document]) -> float:
    """Seconds that our own way takes: dlt into the landing schema, then the merge."""

    def pages(_: datetime | None) -> Iterator[list[Document]]:
        while page := list(islice(documents, PAGE)):
            yield page

    stream = Stream("orders", lambda document: str(document["id"]), lambda _: CHANGED_AT, pages)
    began = time.perf_counter()
    extract.land(url, "bench", "woocommerce", [stream], RUN_DATE)
    return time.perf_counter() - began


def copy(url: str, documents: Iterator[Document]) -> float:
    """Seconds that a COPY into a temporary table and an INSERT … ON CONFLICT take."""
    began = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table landed (like raw.woocommerce__orders) on commit drop")
        with cursor.copy("copy landed (id, source, cursor_at, doc, loaded_at, is_deleted) from stdin") as rows:
            now = datetime.now(UTC)
            for each in documents:
                rows.write_row([f"bench/{each['id']}", "bench", now, orjson.dumps(each).decode(), now, False])
        cursor.execute(
            "insert into raw.woocommerce__orders select * from landed on conflict (id) do update"
            " set doc = excluded.doc, loaded_at = excluded.loaded_at"
        )
    return time.perf_counter() - began


def warehouse(name: str, documents: int = 0) -> stages.Shop:
    """A warehouse that holds so many orders."""
    made = stages.Shop(postgres.create_database(HOME, name))
    extract.prepare(made.url)
    made.query(FILL.format(at=CHANGED_AT, order=json.dumps(order(0)), documents=documents))
    made.query("vacuum analyze raw.woocommerce__orders")
    return made


def ratio(pairs: Pairs) -> float:
    """The median ratio of what was measured in pairs."""
    return round(statistics.median(one / other for one, other in pairs), 3)


def rates() -> dict[str, float]:
    """Orders of about 2 kB into an empty table, our way and by COPY."""
    empty, pairs = warehouse("rates"), Pairs()
    for _ in range(PAIRS):
        seconds = []
        for way in (land, copy):
            empty.query("truncate raw.woocommerce__orders, raw.pull")
            seconds.append(way(empty.url, orders(DOCUMENTS, lines=20)))
        pairs.append((DOCUMENTS / seconds[0], DOCUMENTS / seconds[1]))
    postgres.drop_database(HOME, "rates")
    return {
        "landing_per_second": round(statistics.median(ours for ours, _ in pairs)),
        "copy_per_second": round(statistics.median(plain for _, plain in pairs)),
        "landing_vs_copy": ratio(pairs),
    }


def increment(into: stages.Shop, size: int, night: int) -> tuple[float, float]:
    """Seconds, and seconds of database time, to land changed and new documents in a table that began with ``size``."""
    half = INCREMENT // 2
    changed = [order(number * (size // half) + night, total=f"{night}.50") for number in range(half)]
    new = [order(size + night * half + number) for number in range(half)]
    before = into.active()
    elapsed = land(into.url, iter(changed + new))
    if into.query("select changed from raw.pull") != INCREMENT:
        sys.exit("not every document was taken for a changed one")
    return elapsed, into.active() - before


def increments() -> dict[str, float]:
    """The same number of changes for a small and a large table, and what staging does with them."""
    small, large = warehouse("small", SMALL), warehouse("large", LARGE)
    elapsed, active = Pairs(), Pairs()
    for night in range(NIGHTS):
        into_small, into_large = increment(small, SMALL, night), increment(large, LARGE, night)
        elapsed.append((into_large[0], into_small[0]))
        active.append((into_large[1], into_small[1]))
    postgres.drop_database(HOME, "large")
    full = small.build(MODEL)[MODEL]
    increment(small, SMALL, NIGHTS)
    changed = small.build(MODEL)[MODEL]
    postgres.drop_database(HOME, "small")
    return {
        "increment_1m_seconds": round(statistics.median(one for _, one in elapsed), 2),
        "increment_4m_seconds": round(statistics.median(four for four, _ in elapsed), 2),
        "increment_4m_vs_1m": ratio(elapsed),
        "increment_database_4m_vs_1m": ratio(active),
        "staging_full_seconds": round(full, 2),
        "staging_increment_seconds": round(changed, 2),
        "staging_increment_vs_full": round(changed / full, 3),
    }


def peak(documents: int) -> float:
    """The largest resident memory of a process that lands so many documents, in megabytes."""
    url = warehouse("peak").url
    run = [sys.executable, "-m", "bench.extract", url, str(documents)]
    _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, run), 0)  # noqa: S606 - our own
    if status:
        sys.exit("the documents could not be landed")
    postgres.drop_database(HOME, "peak")
    return used.ru_maxrss / 1024


def peaks() -> dict[str, float]:
    """Resident memory for few documents and for many."""
    few, many = peak(FEW), peak(MANY)
    return {"peak_mb_10k": round(few), "peak_mb_2m": round(many), "peak_mb_2m_vs_10k": round(many / few, 3)}


def main() -> None:
    """Run everything, print the table, write the result; with two arguments, land so many documents."""
    if len(sys.argv) > 1:
        land(sys.argv[1], orders(int(sys.argv[2])))
        return
    postgres.remove(HOME)
    postgres.start(HOME)
    result = peaks() | rates() | increments()  # peaks first: a child's count begins with what its parent holds
    postgres.remove(HOME)
    for name, value in result.items():
        sys.stdout.write(f"{name:<28}{value:>16,}\n")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
