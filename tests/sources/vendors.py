"""The vendors that the tests read from: for each stream how its documents come to be there."""

from functools import partial

from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle.sources.sendgrid import SendGridEsp
from lifecycle.sources.woocommerce import WooCommerceShop
from tests.sources import shopify_reading, shopware_documents
from tests.sources.cases import Case, moment, person

PAGE = 10
OPT_IN = "Newsletter"
SHOP = WooCommerceShop(kind="woocommerce", connection="shop", timezone="UTC", currency="USD")
ESP = SendGridEsp(kind="sendgrid", connection="esp", opt_in_lists=[OPT_IN])


def new_esp() -> Esp:
    esp = Esp(pace=Pace(polls=0, seconds=None))
    esp.add_list(OPT_IN)
    esp.add_group(1, "Offers")
    return esp


woocommerce = partial(Case, "woocommerce", new=Shop, about=SHOP, login="ck_demo", password="cs_demo")
sendgrid = partial(Case, "sendgrid", new=new_esp, about=ESP)


def shop_case(stream: str) -> Case:
    def put(shop: Shop, n: int) -> None:
        at = f"{moment(n):%Y-%m-%dT%H:%M:%S}"
        document = {"id": n, "status": "completed", "date_created_gmt": at, "date_modified_gmt": at}
        shop.shelves[stream].put(document)

    return woocommerce(stream, f"/{stream}$", put, lambda shop, n: shop.shelves[stream].remove(n))


def suppression_case(kind: str) -> Case:
    return sendgrid(
        kind,
        f"/suppression/{kind}$",
        lambda esp, n: esp.suppress(kind, person(n), moment(n), reason="gone"),
        lambda esp, n: esp.lift_suppression(kind, person(n)),
    )


def counts_case(stream: str, what: str) -> Case:
    return sendgrid(
        stream, f"/stats/{what}$", lambda esp, n: esp.count(what, str(n)), wrap='{{"results": [{}]}}'.format
    )


def put_message(esp: Esp, n: int) -> None:
    message = {"msg_id": f"m{n}", "from_email": "news@example.com", "subject": "Hi", "to_email": person(n)}
    counts = {"status": "delivered", "opens_count": 0, "clicks_count": 0}
    esp.add_messages([{**message, **counts, "last_event_time": moment(n).isoformat()}])


CASES = [
    *map(shop_case, ("orders", "customers", "products")),
    sendgrid("contacts", "/_files/", lambda esp, n: esp.add_contact(person(n)), wrap="{}".format),
    sendgrid("list_members", "/_files/", lambda esp, n: esp.add_contact(person(n), lists=[OPT_IN]), wrap="{}".format),
    *map(suppression_case, ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")),
    sendgrid("group_suppressions", "/asm/suppressions", lambda esp, n: esp.leave_group(1, person(n), moment(n))),
    sendgrid("messages", "/messages$", put_message, wrap='{{"messages": [{}]}}'.format),
    sendgrid(
        "single_sends",
        "/singlesends$",
        lambda esp, n: esp.add_single_send(str(n), "Send", moment(n)),
        lambda esp, n: esp.remove_single_send(str(n)),
        wrap='{{"result": [{}]}}'.format,
    ),
    *map(counts_case, ("single_send_stats", "automation_stats"), ("singlesends", "automations")),
    sendgrid(
        "unsubscribe_groups",
        "/asm/groups$",
        lambda esp, n: esp.add_group(n, "Group"),
        new=partial(Esp, pace=Pace(polls=0, seconds=None)),
    ),
    *shopify_reading.CASES,
    *shopware_documents.CASES,
]
