"""What every shop and every e-mail service provider has in the marketer's file; each kind adds its own."""

from datetime import date
from typing import Annotated

from pydantic import Field

from lifecycle.settings.section import Cron, Currency, Section, TimeZone

Statuses = Annotated[list[str], Field(min_length=1)]


class Shop(Section):
    """A shop to read; its name is its source in ``raw`` and its ``shop`` in the marts."""

    kind: str
    connection: str | None
    timezone: TimeZone
    currency: Currency
    paid_statuses: Statuses
    zero_value_orders_count: bool = False
    test_payment_methods: list[str] = Field(default=[])
    first_business_day: date = date(2000, 1, 1)
    overlap_days: Annotated[int, Field(ge=0, le=365)] = 7


class Esp(Section):
    """An e-mail service provider to read; members of ``opt_in_lists`` have confirmed that they want e-mail."""

    kind: str
    connection: str
    opt_in_lists: list[str] = Field(default=[])

    def tells_events(self) -> bool:
        """Whether it tells each message's sender, category and campaign, beside its subject."""
        return False


class Deletions(Section):
    """When everything is looked at for what has vanished, and how much of a stream may have without an error."""

    schedule: Cron = "0 12 * * 0"
    max_vanished_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    from_documents: Annotated[int, Field(ge=1)] = 100
