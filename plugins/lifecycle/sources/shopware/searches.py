"""What Shopware is asked of each entity."""

from dataclasses import dataclass

from lifecycle.sources import Document


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask of an entity.

    ``order`` is the field that pages follow, ``changed`` the moments that tell of a change, ``includes`` the fields to
    give of each entity that takes part, names parted by spaces.
    """

    entity: str
    order: str
    changed: tuple[str, ...]
    includes: dict[str, str]
    associations: str = ""
    filters: tuple[Document, ...] = ()
    can_vanish: bool = True

    def rights(self) -> str:
        """The privileges of the integration's role that reading needs."""
        return ", ".join(f"{entity}:read" for entity in self.includes if entity != "calculated_price")


#: A payment that changes leaves its order's ``updatedAt`` as it is, so an order's parts are asked for their own.
ORDERS = Search(
    "order",
    "autoIncrement",
    changed=(
        "createdAt",
        "updatedAt",
        "orderCustomer.updatedAt",
        "billingAddress.updatedAt",
        "transactions.createdAt",
        "transactions.updatedAt",
        "transactions.captures.refunds.createdAt",
        "transactions.captures.refunds.updatedAt",
    ),
    includes={
        "order": "id autoIncrement orderNumber orderDateTime amountTotal salesChannelId createdAt updatedAt"
        " stateMachineState currency orderCustomer billingAddress lineItems transactions",
        "order_customer": "customerId email firstName lastName updatedAt",
        "order_address": "firstName lastName zipcode country updatedAt",
        "order_line_item": "id productId type label position totalPrice",
        "order_transaction": "id createdAt updatedAt stateMachineState paymentMethod captures",
        "order_transaction_capture": "id refunds",
        "order_transaction_capture_refund": "id amount stateMachineState createdAt updatedAt",
        "calculated_price": "totalPrice",
        "state_machine_state": "technicalName",
        "payment_method": "technicalName name",
        "currency": "isoCode",
        "country": "iso",
    },
    associations="stateMachineState currency orderCustomer billingAddress.country lineItems transactions.paymentMethod"
    " transactions.stateMachineState transactions.captures.refunds.stateMachineState",
)
CUSTOMERS = Search(
    "customer",
    "autoIncrement",
    changed=("createdAt", "updatedAt", "defaultBillingAddress.updatedAt"),
    includes={
        "customer": "id autoIncrement customerNumber email firstName lastName company guest salesChannelId customFields"
        " createdAt updatedAt defaultBillingAddress",
        "customer_address": "company zipcode country updatedAt",
        "country": "iso",
    },
    associations="defaultBillingAddress.country",
)
#: A variant has the name and the categories of its parent.
PRODUCTS = Search(
    "product",
    "autoIncrement",
    changed=("createdAt", "updatedAt", "parent.updatedAt"),
    includes={
        "product": "id autoIncrement productNumber name createdAt updatedAt categories parent",
        "category": "id autoIncrement name",
    },
    associations="categories parent.categories",
)
RECIPIENTS = Search(
    "newsletter_recipient",
    "createdAt",
    changed=("createdAt", "updatedAt"),
    includes={"newsletter_recipient": "id email status confirmedAt salesChannelId createdAt updatedAt"},
)
HISTORY = Search(
    "state_machine_history",
    "createdAt",
    changed=("createdAt",),
    includes={
        "state_machine_history": "id entityName referencedId entityId transitionActionName createdAt"
        " fromStateMachineState toStateMachineState",
        "state_machine_state": "technicalName",
    },
    associations="fromStateMachineState toStateMachineState",
    filters=({"type": "equalsAny", "field": "entityName", "value": "order|order_transaction"},),
    can_vanish=False,
)
SEARCHES = {
    "orders": ORDERS,
    "customers": CUSTOMERS,
    "products": PRODUCTS,
    "newsletter_recipients": RECIPIENTS,
    "state_history": HISTORY,
}
