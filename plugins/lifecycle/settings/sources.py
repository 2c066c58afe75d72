"""The shops to read, of every kind, and the e-mail service provider."""

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lifecycle.settings.section import Cron, Currency, Days, Section, TimeZone

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

    def has_customers(self) -> bool:
        """Whether there are customer accounts to read, beside the orders."""
        return True


class WooCommerceShop(Shop):
    """By WooCommerce's REST API."""

    kind: Literal["woocommerce"]
    connection: str
    paid_statuses: Statuses = Field(default=["processing", "completed"])
    consent_field: str | None = None
    account_field: str | None = None


class ShopifyShop(Shop):
    """By Shopify's Admin GraphQL API."""

    kind: Literal["shopify"]
    connection: str
    api_version: Annotated[str, Field(pattern=r"^\d{4}-(01|04|07|10)$")] = "2026-07"
    paid_statuses: Statuses = Field(default=["PAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "REFUNDED"])


class ShopwareShop(Shop):
    """By Shopware 6's Admin API; the fields are custom fields of its customers."""

    kind: Literal["shopware"]
    connection: str
    paid_statuses: Statuses = Field(default=["paid", "paid_partially", "refunded", "refunded_partially"])
    consent_field: str | None = None
    account_field: str | None = None


class Table(Section):
    """Rows of a shop without an API: ``columns`` maps our fields to the names of the columns there."""

    columns: dict[str, str]


class FileTable(Table):
    """Rows in files: ``files`` is a pattern of paths or addresses, such as ``s3://bucket/orders/*.csv``."""

    files: Annotated[str, Field(min_length=1)]
    format: Literal["csv", "jsonl", "parquet"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    date_format: str | None = None


class SqlTable(Table):
    """Rows of a query on the shop's database, which may take ``:since``: the last reading's moment, less overlap."""

    query: Annotated[str, Field(min_length=1)]


class MappedShop(Shop):
    """What a shop has whose columns are mapped to our fields."""

    needed_orders: ClassVar = frozenset({"order_id", "ordered_at", "total"})
    needed_customers: ClassVar = frozenset({"customer_id", "created_at"})
    of_both: ClassVar = frozenset(
        {"customer_id", "email", "first_name", "last_name", "country", "postcode", "updated_at"}
    )
    of_orders: ClassVar = frozenset(
        {"currency", "status", "refunded", "payment_method", "is_test", "product_id", "product_name", "category"}
    )
    of_customers: ClassVar = frozenset({"account_number", "newsletter"})

    orders: Table
    customers: Table | None = None
    paid_statuses: Statuses = Field(default=["paid"])

    def has_customers(self) -> bool:
        """Whether a table of customers is mapped."""
        return self.customers is not None

    @model_validator(mode="after")
    def _columns_make_orders_and_customers(self) -> Self:
        _check_columns("orders", self.orders, self.needed_orders, self.of_both | self.of_orders)
        if not {"email", "customer_id"} & {*self.orders.columns}:
            message = "orders.columns: map email or customer_id: without either, no order has a buyer"
            raise ValueError(message)
        if self.customers:
            _check_columns("customers", self.customers, self.needed_customers, self.of_both | self.of_customers)
        return self


def _check_columns(name: str, table: Table, needed: frozenset[str], optional: frozenset[str]) -> None:
    unknown, missing = {*table.columns} - needed - optional, needed - {*table.columns}
    if unknown:
        valid = ", ".join(sorted(needed | optional))
        message = f"{name}.columns: unknown fields {sorted(unknown)}; valid values: {valid}"
        raise ValueError(message)
    if missing:
        message = f"{name}.columns: map these, too: {', '.join(sorted(missing))}"
        raise ValueError(message)


class FileShop(MappedShop):
    """By files in a folder or a bucket; ``connection`` holds the bucket's credentials, if it needs any."""

    kind: Literal["files"]
    connection: str | None = None
    orders: FileTable
    customers: FileTable | None = None


class SqlShop(MappedShop):
    """By queries on the shop's database."""

    kind: Literal["sql"]
    connection: str
    orders: SqlTable
    customers: SqlTable | None = None


AnyShop = Annotated[
    WooCommerceShop | ShopifyShop | ShopwareShop | FileShop | SqlShop,
    Field(discriminator="kind"),
]


class Sweeps(Section):
    """When everything is looked at for what has vanished, and how much of a stream may have without an error."""

    schedule: Cron = "0 12 * * 0"
    max_vanished_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    from_documents: Annotated[int, Field(ge=1)] = 100


class Esp(Section):
    """The e-mail service provider, to read and to write.

    ``event_files`` is the folder of the files that its event webhook is written to; ``campaigns``: read what was sent.
    """

    kind: Literal["sendgrid"]
    connection: str
    opt_in_lists: list[str] = Field(default=[])
    message_activity: bool = True
    activity_days: Days = 30
    event_files: Annotated[str, Field(min_length=1)] | None = None
    campaigns: bool = True
