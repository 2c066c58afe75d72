"""The demo's shop behaves as WooCommerce's REST API v3 does."""

import base64

import pytest

from demo.shop import Shop
from lifecycle.testing.clock import parse
from tests.demo.demo_clients import Client, order


def ids(client: Client, path: str = "/orders", **params: object) -> list[int]:
    answer = client.get(path, **params)
    assert answer.status_code == 200
    return [document["id"] for document in answer.json()]


def test_orders_come_newest_first_and_ten_a_page_unless_asked_otherwise(woo: Client, shop: Shop) -> None:
    for n in range(6, 12):
        shop.put_order(order(n, f"2017-04-{n:02}T12:00:00"))
    assert ids(woo) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]


def test_headers_tell_the_totals_and_lead_to_the_pages_beside(woo: Client) -> None:
    answer = woo.get("/orders", per_page=2, page=2, orderby="id", order="asc")
    assert answer.headers["X-WP-Total"] == "5"
    assert answer.headers["X-WP-TotalPages"] == "3"
    assert ids(Client("", woo.session), answer.links["next"]["url"]) == [5]
    assert ids(Client("", woo.session), answer.links["prev"]["url"]) == [1, 2]


def test_a_page_beyond_the_end_is_an_empty_success(woo: Client) -> None:
    assert ids(woo, page=99) == []


@pytest.mark.parametrize(("name", "value"), [("per_page", 101), ("per_page", 0), ("page", 0), ("orderby", "mood")])
def test_a_parameter_out_of_bounds_is_named(woo: Client, name: str, value: object) -> None:
    answer = woo.get("/orders", **{name: value})
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_invalid_param"
    assert name in answer.json()["data"]["params"]


def test_a_caller_without_credentials_is_refused_in_the_shops_words(woo: Client) -> None:
    answer = woo.anyone("/orders")
    assert answer.status_code == 401
    assert answer.json()["code"] == "woocommerce_rest_cannot_view"
    assert answer.json()["data"] == {"status": 401}


def test_credentials_are_taken_from_the_header_and_from_the_query(woo: Client) -> None:
    wrong = base64.b64encode(b"ck_demo:wrong").decode()
    assert woo.anyone("/orders", headers={"Authorization": f"Basic {wrong}"}).status_code == 401
    in_query = {"consumer_key": "ck_demo", "consumer_secret": "cs_demo"}
    assert woo.anyone("/orders", params=in_query).status_code == 200


def test_modified_borders_are_exclusive_and_in_utc_if_asked(woo: Client) -> None:
    border = {"modified_after": "2017-03-17T12:00:00", "orderby": "modified", "order": "asc"}
    assert ids(woo, **border, dates_are_gmt="true") == [2, 1]
    assert ids(woo, **border) == [2, 1]
    assert ids(woo, **border | {"modified_after": "2017-03-17T09:00:00"}) == [2, 1]
    assert ids(woo, **border | {"modified_after": "2017-03-17T09:00:00"}, dates_are_gmt="true") == [3, 2, 1]


def test_creation_borders_status_customer_and_id_filters_apply(woo: Client, shop: Shop) -> None:
    shop.put_order(order(3, "2017-03-03T12:00:00", status="cancelled"))
    assert ids(woo, after="2017-03-02T12:00:00Z", before="2017-03-05T12:00:00Z") == [4, 3]
    assert ids(woo, status="cancelled") == [3]
    assert ids(woo, customer=1) == [5, 1]
    assert ids(woo, include="2,4", orderby="include") == [2, 4]
    assert ids(woo, exclude="1,2,3") == [5, 4]


def test_trash_is_listed_only_when_asked_for(woo: Client, shop: Shop) -> None:
    shop.put_order(order(5, "2017-03-05T12:00:00", status="trash"))
    assert 5 not in ids(woo)
    assert ids(woo, status="trash") == [5]


def test_offset_replaces_the_page(woo: Client) -> None:
    assert ids(woo, offset=3, per_page=1, orderby="id", order="asc") == [4]


def test_customers_ignore_the_modified_filter_and_are_sorted_by_name(woo: Client) -> None:
    assert ids(woo, "/customers", modified_after="2099-01-01T00:00:00") == [2, 1]
    assert ids(woo, "/customers", email="C1@example.com") == [1]


def test_one_document_is_read_by_its_id(woo: Client) -> None:
    assert woo.get("/products/7").json()["name"] == "Tea"
    assert woo.get("/customers/2").json()["email"] == "c2@example.com"
    assert woo.get("/orders/4").json()["id"] == 4
    missing = woo.get("/orders/99")
    assert missing.status_code == 404
    assert missing.json()["code"] == "woocommerce_rest_shop_order_invalid_id"


def test_refunds_of_an_order_are_listed_with_positive_amounts(woo: Client, shop: Shop) -> None:
    refunds = [{"id": 50, "reason": "broken", "total": "-5.00"}]
    shop.put_order(order(1, "2017-03-01T12:00:00", refunds=refunds))
    assert [(refund["id"], refund["amount"]) for refund in woo.get("/orders/1/refunds").json()] == [(50, "5.00")]


def test_a_deleted_order_leaves_without_a_trace(woo: Client, shop: Shop) -> None:
    shop.delete_order(4)
    assert ids(woo) == [5, 3, 2, 1]
    assert woo.get("/orders/4").status_code == 404


def test_what_lies_after_the_clock_does_not_exist(woo: Client, shop: Shop) -> None:
    shop.clock.now = parse("2017-03-03T12:00:00Z")
    assert ids(woo) == [3, 2, 1]
    assert woo.get("/orders/4").status_code == 404
    shop.clock.now = None
    assert len(ids(woo)) == 5


def test_fields_can_be_chosen(woo: Client) -> None:
    assert woo.get("/orders", _fields="id,total", per_page=1).json() == [{"id": 5, "total": "10.00"}]


def test_the_shop_tells_who_it_is(woo: Client) -> None:
    assert woo.get("/system_status").json()["settings"]["currency"] == "USD"
    assert woo.get("/data/currencies/current").json()["code"] == "USD"
