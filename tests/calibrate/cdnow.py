"""A tenth of CDNOW's customers of early 1997 and what they bought in a year and a half, as published by its authors.

The file comes with the package ``lifetimes``, whose code is not run. A line has the master file's id, the sample's id,
the day, the number of discs and the amount. In the papers, a customer's purchases of one day count as one.
"""

from collections import defaultdict
from datetime import date
from importlib.metadata import files

import numpy as np

from lifecycle.calibrate.purchases import Histories
from lifecycle.calibrate.spending import Spend

#: The day up to which the papers fit their models, and the last one of all.
FITTED_UNTIL, LAST_DAY = date(1997, 9, 30), date(1998, 6, 30)
WEEK = 7


def purchases(until: date) -> dict[str, dict[date, float]]:
    """Customer → purchase day → amount, up to a day, which is after everybody's first purchase."""
    bought: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    (sample,) = [file for file in files("lifetimes") or () if file.name == "CDNOW_sample.txt"]
    for line in sample.read_text().splitlines():
        _, customer, iso_date, _, amount = line.split()
        day = date.fromisoformat(iso_date)
        if day <= until:
            bought[customer][day] += float(amount)
    return bought


def histories() -> Histories:
    """The customers as the papers see them, in weeks."""
    histories = [
        (len(days) - 1, (max(days) - min(days)).days / WEEK, (FITTED_UNTIL - min(days)).days / WEEK)
        for days in purchases(FITTED_UNTIL).values()
    ]
    (repeats, last, age), customers = np.unique(np.array(histories).T, axis=1, return_counts=True)
    return Histories(repeats, last, age, customers.astype(float))


def spend() -> Spend:
    """What customers spent on a repeat purchase on average, as the paper sees it: without the first purchase."""
    repeats = [[days[day] for day in sorted(days)[1:]] for days in purchases(FITTED_UNTIL).values()]
    paid = [amounts for amounts in repeats if sum(amounts) > 0]
    return Spend(np.array([float(len(amounts)) for amounts in paid]), np.array([np.mean(amounts) for amounts in paid]))
