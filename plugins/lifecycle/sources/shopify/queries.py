"""What Shopify is asked, as texts of GraphQL; each is checked against the schema in the tests."""

from dataclasses import dataclass

#: A query may cost 1,000 points: 20 orders of 12 points, with 8 lines of 4 points each, are 880.
ORDERS_PAGE_SIZE, PAGE_SIZE = 20, 100
LINES_AT_FIRST = 8

MONEY = "{ shopMoney { amount currencyCode } }"
ADDRESS = "{ firstName lastName countryCodeV2 zip }"
COMPANY = "company { id name externalId }"
LINE = "id title product { id } discountedTotalSet { shopMoney { amount } }"
PAGE_INFO = "pageInfo { hasNextPage endCursor }"

SCOPES = "{ currentAppInstallation { accessScopes { handle } } }"
ANY_COMPANY = "{ companies(first: 1) { nodes { id } } }"
MORE_LINES = (
    "query ($id: ID!, $first: Int!, $after: String) { order(id: $id) { "
    f"lineItems(first: $first, after: $after) {{ nodes {{ {LINE} }} {PAGE_INFO} }} }} }}"
)
RUN_BULK = (
    "mutation ($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: true) "
    "{ bulkOperation { id } userErrors { code } } }"
)
BULK_STATE = "query ($id: ID!) { bulkOperation(id: $id) { status errorCode url rootObjectCount } }"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document: its connection in the schema, the scopes that it needs, and what is asked of each.

    ``company_fields`` are asked only of shops that sell to companies: others deny them.
    """

    name: str
    scopes: tuple[str, ...]
    fields: str
    company_fields: str = ""
    has_lines: bool = False

    @property
    def page_size(self) -> int:
        """How many a page of changes holds."""
        return ORDERS_PAGE_SIZE if self.has_lines else PAGE_SIZE

    def bulk_query(self, *, with_companies: bool) -> str:
        """The query of a bulk operation for all of them."""
        lines = f"lineItems {{ edges {{ node {{ {LINE} }} }} }}" if self.has_lines else ""
        return self.listing_query(f"{self.fields} {self.company_fields if with_companies else ''} {lines}")

    def listing_query(self, fields: str = "id") -> str:
        """The query of a bulk operation for some fields of all of them."""
        return f"{{ {self.name} {{ edges {{ node {{ {fields} }} }} }} }}"

    def page_query(self, *, with_companies: bool) -> str:
        """The query for a page of those that a filter finds, oldest change first."""
        lines = f"lineItems(first: {LINES_AT_FIRST}) {{ nodes {{ {LINE} }} {PAGE_INFO} }}" if self.has_lines else ""
        fields = f"{self.fields} {self.company_fields if with_companies else ''} {lines}"
        return (
            "query ($first: Int!, $after: String, $query: String!) "
            f"{{ {self.name}(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) "
            f"{{ nodes {{ {fields} }} {PAGE_INFO} }} }}"
        )


ORDERS = Kind(
    "orders",
    ("read_orders", "read_all_orders", "read_customers", "read_products"),
    "id createdAt processedAt updatedAt cancelledAt test displayFinancialStatus paymentGatewayNames email "
    f"customer {{ id }} billingAddress {ADDRESS} "
    f"totalPriceSet {MONEY} currentTotalPriceSet {MONEY} totalRefundedSet {MONEY}",
    f"purchasingEntity {{ ... on PurchasingCompany {{ {COMPANY} }} }}",
    has_lines=True,
)
CUSTOMERS = Kind(
    "customers",
    ("read_customers",),
    "id createdAt updatedAt firstName lastName "
    f"defaultEmailAddress {{ emailAddress marketingState marketingOptInLevel marketingUpdatedAt }} "
    f"defaultAddress {ADDRESS}",
    f"companyContactProfiles {{ {COMPANY} }}",
)
PRODUCTS = Kind("products", ("read_products",), "id updatedAt title productType category { name }")
COMPANIES = Kind("companies", ("read_customers",), "id createdAt updatedAt name externalId")
KINDS = (ORDERS, CUSTOMERS, PRODUCTS, COMPANIES)
