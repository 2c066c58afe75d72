"""The cut points of the recency, frequency and monetary scores: the fifths of the buyers, as they stand on a date.

They are frozen, so that a customer's score moves with what the customer does and not with what all others do.
"""

import logging
from datetime import date

from lifecycle import warehouse
from lifecycle.errors import Stop

# Who has a value in the upper (6 - score) fifths has the score; equal values are never parted: cume_dist, not ntile.
CUTS = """
insert into $statistics.score_cut (version, metric, score, at_least, made_for)
with buyers as (
    select max(business_day) - %(run_date)s::date as recency, count(distinct business_day) as frequency,
        sum(net) as monetary
    from $marts.purchase_days
    where business_day <= %(run_date)s
    group by person_id
),
ranks as (
    select metric, value, cume_dist() over (partition by metric order by value) as share
    from buyers, lateral (
        values ('recency', recency::numeric), ('frequency', frequency), ('monetary', monetary)
    ) as metrics (metric, value)
)
select (select coalesce(max(version), 0) + 1 from $statistics.score_cut), metric, score, min(value), %(run_date)s
from ranks
join generate_series(2, 5) as score on share > (score - 1) / 5.0
group by metric, score
returning version
"""

log = logging.getLogger(__name__)


def freeze(url: str, run_date: date) -> int:
    """Store the cut points by the purchases up to a date, and return their version; ``Stop`` if nobody has bought."""
    with warehouse.connect(url) as connection:
        connection.execute("lock table $statistics.score_cut in share row exclusive mode")
        row = connection.execute(CUTS, {"run_date": run_date}).fetchone()
    if not row:
        message = f"nobody has bought anything up to {run_date}: there is nothing to score"
        raise Stop(message)
    log.info("version %d of the scores' cut points is for %s", row[0], run_date)
    return int(row[0])
