"""The vendors that the tests read from: for each stream how its documents come to be there."""

from functools import partial

from demo.esp import Esp, Pace
from demo.shop import Shop
from lifecycle.sources.sendgrid import SendGridEsp
from lifecycle.sources.woocommerce import WooCommerceShop
from lifecycle.testing.cases import StreamCase, moment, person
from tests.sources import shopify_reading, shopware_documents

PAGE = 10
OPT_IN = "Newsletter"
SHOP = WooCommerceShop(kind="woocommerce", connection="shop", timezone="UTC", currency="USD")
ESP = SendGridEsp(kind="sendgrid", connection="esp", opt_in_lists=[OPT_IN])


def new_esp() -> Esp:
    esp = Esp(pace=Pace(polls=0, seconds=None))
    esp.add_list(OPT_IN)
    esp.add_group(1, "Offers")
    return esp


woocommerce = partial(StreamCase, "woocommerce", new=Shop, config=SHOP, login="ck_demo", password="cs_demo")
sendgrid = partial(StreamCase, "sendgrid", new=new_esp, config=ESP)
exported = partial(sendgrid, wrap="{}".format, reader="export")


def shop_case(stream: str) -> StreamCase:
    def put(shop: Shop, n: int) -> None:
        at = f"{moment(n):%Y-%m-%dT%H:%M:%S}"
        document = {"id": n, "status": "completed", "date_created_gmt": at, "date_modified_gmt": at}
        shop.documents[stream].put(document)

    def take(shop: Shop, n: int) -> None:
        shop.documents[stream].remove(n)

    return woocommerce(stream, f"/{stream}$", put, take, reader="listing", is_paged=True, shifts=True)


def suppression_case(kind: str) -> StreamCase:
    return sendgrid(
        kind,
        f"/suppression/{kind}$",
        lambda esp, n: esp.suppress(kind, person(n), moment(n), reason="gone"),
        lambda esp, n: esp.lift_suppression(kind, person(n)),
        reader="suppressions",
        is_paged=True,
        shifts=True,
    )


def counts_case(stream: str, what: str) -> StreamCase:
    def put(esp: Esp, n: int) -> None:
        esp.count(what, str(n))

    return sendgrid(stream, f"/stats/{what}$", put, wrap='{{"results": [{}]}}'.format, reader="campaigns")


def put_message(esp: Esp, n: int) -> None:
    message = {"msg_id": f"m{n}", "from_email": "news@example.com", "subject": "Hi", "to_email": person(n)}
    counts = {"status": "delivered", "opens_count": 0, "clicks_count": 0}
    esp.add_messages([{**message, **counts, "last_event_time": moment(n).isoformat()}])


CASES = [
    *map(shop_case, ("orders", "customers", "products")),
    exported("contacts", "/_files/", lambda esp, n: esp.add_contact(person(n))),
    exported("list_members", "/_files/", lambda esp, n: esp.add_contact(person(n), lists=[OPT_IN])),
    *map(suppression_case, ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")),
    sendgrid("group_suppressions", "/asm/suppressions", lambda esp, n: esp.leave_group(1, person(n), moment(n))),
    sendgrid(
        "messages", "/messages$", put_message, wrap='{{"messages": [{}]}}'.format, can_vanish=False, is_paged=True
    ),
    sendgrid(
        "single_sends",
        "/singlesends$",
        lambda esp, n: esp.add_single_send(str(n), "Send", moment(n)),
        lambda esp, n: esp.remove_single_send(str(n)),
        wrap='{{"result": [{}]}}'.format,
        reader="campaigns",
        is_paged=True,
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
