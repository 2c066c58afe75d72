"""Read the provider's lists back and compare them with the ledger: who is missing, who is there besides.

People whom somebody put on a list by hand are counted as extra and left alone.
"""

import logging
from collections.abc import Iterable

from lifecycle import warehouse
from lifecycle.destinations import Destination

COMPARE = """
insert into delivery.reconciliation (run_id, list_name, expected, found, missing, extra)
with expected as (
    select lower(email) as email from delivery.ledger
    where destination = %(destination)s and is_certain and %(list_name)s = any(lists)
),
found as (
    select distinct email from read_back
)
select %(run_id)s, %(list_name)s, count(expected.email), count(found.email),
    count(*) filter (where found.email is null), count(*) filter (where expected.email is null)
from expected full join found using (email)
on conflict (run_id, list_name) do update
set expected = excluded.expected, found = excluded.found, missing = excluded.missing, extra = excluded.extra,
    read_at = now()
returning missing, extra
"""

log = logging.getLogger(__name__)


def run(url: str, destination: Destination, run_id: int, lists: Iterable[str]) -> dict[str, int]:
    """Compare every list and store the figures; return the totals ``missing`` and ``extra``."""
    totals = {"missing": 0, "extra": 0}
    with warehouse.connect(url) as connection:
        connection.execute("create temporary table read_back (email text) on commit drop")
        for list_name in lists:
            connection.execute("truncate read_back")
            with connection.cursor() as cursor, cursor.copy("copy read_back (email) from stdin") as copy:
                for email in destination.members(list_name):
                    copy.write_row([email])
            values = {"destination": destination.name, "run_id": run_id, "list_name": list_name}
            missing, extra = connection.execute(COMPARE, values).fetchone() or (0, 0)
            totals = {"missing": totals["missing"] + missing, "extra": totals["extra"] + extra}
            if missing or extra:
                log.warning("list %r: %d missing, %d extra", list_name, missing, extra)
    return totals
