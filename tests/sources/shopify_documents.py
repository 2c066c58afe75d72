"""Orders, customers, products and companies as Shopify has them."""

import copy
from datetime import datetime
from typing import Any

from lifecycle.sources import Document

KINDS = {"orders": "Order", "customers": "Customer", "products": "Product", "companies": "Company"}


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def money(amount: str) -> Document:
    """A sum in the shop's currency."""
    return {"shopMoney": {"amount": amount, "currencyCode": "USD"}}


def document(kind: str, number: int, at: datetime, **changes: Any) -> Document:
    """An order, customer, product or company that was last changed then."""
    moment = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    address = {"firstName": "Ann", "lastName": "Lee", "countryCodeV2": "US", "zip": "10001"}
    mail = {"emailAddress": f"p{number}@example.com", "marketingState": "SUBSCRIBED", "marketingUpdatedAt": moment}
    line = {"id": gid("LineItem", number), "title": "Tea", "product": None, "discountedTotalSet": money("12.50")}
    fields: dict[str, Document] = {
        "orders": {
            "processedAt": moment,
            "cancelledAt": None,
            "test": False,
            "displayFinancialStatus": "PAID",
            "paymentGatewayNames": ["shopify_payments"],
            "email": f"p{number}@example.com",
            "customer": {"id": gid("Customer", number)},
            "billingAddress": address,
            "totalPriceSet": money("12.50"),
            "currentTotalPriceSet": money("12.50"),
            "totalRefundedSet": money("0.00"),
            "purchasingEntity": None,
            "lineItems": [line],
        },
        "customers": {
            "firstName": "Ann",
            "lastName": "Lee",
            "defaultEmailAddress": {**mail, "marketingOptInLevel": "SINGLE_OPT_IN"},
            "defaultAddress": address,
            "companyContactProfiles": [],
        },
        "products": {"title": "Tea", "productType": "Food", "category": None},
        "companies": {"name": "Lee & Sons", "externalId": None},
    }
    common = {"id": gid(KINDS[kind], number), "createdAt": moment, "updatedAt": moment}
    return {**common, **copy.deepcopy(fields[kind]), **changes}
