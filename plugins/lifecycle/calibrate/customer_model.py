"""The models of the customers, fitted to the warehouse's purchases up to a date and stored for dbt.

A large shop is sampled, always the same customers, so that memory doesn't grow with the shop.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.calibrate import purchases, spending
from lifecycle.calibrate.likelihood import Numbers
from lifecycle.calibrate.purchases import Histories, Model
from lifecycle.calibrate.spending import Spend
from lifecycle.errors import Stop

LARGEST_SAMPLE = 100_000
FEWEST_REPEATERS = 100
#: Outlooks are stored up to this many repeat purchases; another one changes nothing.
MOST_REPEATS = 400
OUTLOOK_DAYS = 365
HELD_OUT_DAYS = 180
#: Customers of the hold-out are reported by repeat purchases, these and more together.
MANY_REPEATS = 7

# A hash puts the persons in an order that has nothing to do with them and is the same every time.
CUSTOMERS = """
with days as (
    select person_id, business_day, sum(net) as net
    from $marts.purchase_days
    where business_day <= %(run_date)s
    group by person_id, business_day
),
customers as (
    select person_id, min(business_day) as first_day,
        max(business_day) filter (where business_day <= %(until)s) as last_day,
        count(*) filter (where business_day <= %(until)s) - 1 as repeats,
        count(*) filter (where business_day > %(until)s) as later,
        count(*) filter (where business_day <= %(until)s and net > 0) as valued_days,
        coalesce(avg(net) filter (where business_day <= %(until)s and net > 0), 0) as mean_value
    from days
    group by person_id
    having min(business_day) <= %(until)s
)
select count(*) over (), repeats, last_day - first_day, %(until)s::date - first_day, later, valued_days,
    mean_value::double precision
from customers
order by md5(person_id::text)
limit %(largest_sample)s
"""

STORE = """
insert into $statistics.customer_model
    (model, fitted_for, customers, r, alpha, a, b, log_likelihood, spend_p, spend_q, spend_gamma,
    spend_log_likelihood, spend_customers, report)
values (%(model)s, %(fitted_for)s, %(customers)s, %(r)s, %(alpha)s, %(a)s, %(b)s, %(log_likelihood)s, %(spend_p)s,
    %(spend_q)s, %(spend_gamma)s, %(spend_log_likelihood)s, %(spend_customers)s, %(report)s)
returning version
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Customers:
    """Buyers as known on a date, an entry each: times in days, values in the reporting currency.

    ``total`` are all there are, drawn or not; ``later`` are purchase days after that date.
    """

    total: int
    repeats: Numbers
    last: Numbers
    age: Numbers
    later: Numbers
    valued_days: Numbers
    mean_value: Numbers

    def repeaters(self) -> int:
        """How many came again."""
        return int((self.repeats > 0).sum())

    def histories(self) -> Histories:
        """What the model of purchases is fitted to."""
        histories = np.stack([self.repeats, self.last, self.age])
        (repeats, last, age), customers = np.unique(histories, axis=1, return_counts=True)
        return Histories(repeats, last, age, customers.astype(float))

    def spend(self) -> Spend:
        """What the model of spending is fitted to: who came again, and the days that brought money."""
        spent = (self.repeats > 0) & (self.valued_days > 0)
        return Spend(self.valued_days[spent], self.mean_value[spent])


def fit(url: str, run_date: date, model: Model = "mbg_nbd") -> int:
    """Fit the models to the purchases up to a date, store them with a report, and return their version.

    Raises ``Stop`` if too few customers came again or a model does not converge; then nothing is stored.
    """
    customers = read(url, run_date, run_date)
    if customers.repeaters() < FEWEST_REPEATERS:
        message = (
            f"{customers.repeaters()} of {customers.total} customers bought again up to {run_date};"
            f" a model needs {FEWEST_REPEATERS}. Nothing is stored"
        )
        raise Stop(message)
    histories, spend = customers.histories(), customers.spend()
    parameters = purchases.fit(model, histories)
    spending_parameters = spending.fit(spend) if len(spend.mean) >= FEWEST_REPEATERS else None
    likelihood = purchases.log_likelihood(parameters, histories)
    report = {
        "customers": customers.total,
        "sample": len(customers.repeats),
        "bought_again": customers.repeaters(),
        "akaike": 2 * 4 - 2 * likelihood,
        "largest_outlook_error": largest_outlook_error(parameters, histories),
        "held_out": held_out(url, run_date, model),
    }
    row = {
        **asdict(parameters),
        "fitted_for": run_date,
        "customers": customers.total,
        "log_likelihood": likelihood,
        **_spend_columns(spending_parameters, spend),
        "report": Jsonb(report),
    }
    version = _store(url, row, parameters)
    log.info("version %d of the customer model (%s) is for %s", version, model, run_date)
    return version


def read(url: str, until: date, run_date: date) -> Customers:
    """The buyers as known on the day ``until``, and what they did from then to ``run_date``."""
    values = {"until": until, "run_date": run_date, "largest_sample": LARGEST_SAMPLE}
    with warehouse.connect(url) as connection:
        rows = connection.execute(CUSTOMERS, values).fetchall()
    columns = np.array(rows, dtype=float).reshape(-1, 7).T
    return Customers(int(columns[0][0]) if rows else 0, *columns[1:])


def largest_outlook_error(parameters: purchases.Parameters, histories: Histories) -> float:
    """By how much, relatively, what SQL expects for a customer is off the exact form, at most."""
    exact = purchases.expected_if_alive(parameters, OUTLOOK_DAYS, histories)
    return float(np.abs(purchases.expected_by_nodes(parameters, OUTLOOK_DAYS, histories) / exact - 1).max())


def held_out(url: str, run_date: date, model: Model) -> dict[str, Any] | None:
    """What a model that ends half a year earlier says about that half year, beside what happened.

    {until, days, customers, expected, actual, by_repeats: [{repeats, customers, expected, actual}, …]}, in purchase
    days; ``None`` if history is too short or too thin for it.
    """
    until = run_date - timedelta(days=HELD_OUT_DAYS)
    customers = read(url, until, run_date)
    if customers.repeaters() < FEWEST_REPEATERS or customers.age.max() < HELD_OUT_DAYS:
        return None
    try:
        parameters = purchases.fit(model, customers.histories())
    except Stop:
        return None
    each = Histories(customers.repeats, customers.last, customers.age, np.ones_like(customers.age))
    expected = purchases.expected_purchases(parameters, HELD_OUT_DAYS, each)
    groups = np.minimum(customers.repeats, MANY_REPEATS)
    return {
        "until": until.isoformat(),
        "days": HELD_OUT_DAYS,
        **_compared(expected, customers.later),
        "by_repeats": [
            {"repeats": int(group), **_compared(expected[groups == group], customers.later[groups == group])}
            for group in np.unique(groups)
        ],
    }


def _compared(expected: Numbers, actual: Numbers) -> dict[str, float]:
    return {"customers": len(actual), "expected": round(float(expected.sum()), 2), "actual": int(actual.sum())}


def _spend_columns(parameters: spending.Parameters | None, spend: Spend) -> dict[str, float | None]:
    return {
        "spend_p": parameters.p if parameters else None,
        "spend_q": parameters.q if parameters else None,
        "spend_gamma": parameters.gamma if parameters else None,
        "spend_log_likelihood": spending.log_likelihood(parameters, spend) if parameters else None,
        "spend_customers": len(spend.mean),
    }


def _store(url: str, row: dict[str, Any], parameters: purchases.Parameters) -> int:
    """Store a model and its outlooks in one transaction; return its version."""
    with warehouse.connect(url) as connection, connection.cursor() as cursor:
        ((version,),) = cursor.execute(STORE, row).fetchall()
        with cursor.copy(
            "copy $statistics.outlook_node (version, purchases, node, dropout, weight) from stdin"
        ) as copy:
            for repeats in range(MOST_REPEATS + 1):
                nodes = zip(*purchases.outlook_nodes(parameters, repeats), strict=True)
                for node, (dropout, weight) in enumerate(nodes, start=1):
                    copy.write_row([version, repeats, node, float(dropout), float(weight)])
    return int(version)
