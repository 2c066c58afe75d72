"""Shops whose columns are mapped to our fields: what the marketer's file may say of them, and their two streams."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lifecycle.settings import Section, Shop, Statuses
from lifecycle.sources import StreamSpec, key_of


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


def specs(right: str) -> tuple[StreamSpec, StreamSpec]:
    """The streams of such a shop; customers are read where they are mapped."""
    return (
        StreamSpec("orders", key_of("order_id"), right, ordered_at="ordered_at"),
        StreamSpec("customers", key_of("customer_id"), right, is_read=lambda shop: shop.customers is not None),
    )
