"""Sources whose documents vanish, and what is marked of them in the warehouse."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lifecycle import detect_deletions, extract
from lifecycle.errors import LifecycleError
from lifecycle.settings import Deletions
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase
from tests.extract.pulls import rows
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES

DOCUMENTS = 12
#: A share that one of twelve keeps to and two of twelve exceed.
STRICT = Deletions(max_vanished_share=0.1, from_documents=10)
LOOSE = Deletions(max_vanished_share=1, from_documents=1_000_000)
NEXT_DAY = RUN_DATE + timedelta(days=1)

NAMED = {(case.kind, case.stream): case for case in CASES}
ORDERS, CUSTOMERS = NAMED["woocommerce", "orders"], NAMED["woocommerce", "customers"]
#: Where documents can vanish; changes of state are a history.
VANISHING = [case for case in CASES if case.kind == "shopify" or (case.take and case.stream != "state_history")]
ONE_OF_EACH = [NAMED[kind, "orders"] for kind in ("woocommerce", "shopify", "shopware")] + [
    NAMED["sendgrid", "bounces"]
]

every_vanishing_stream = pytest.mark.parametrize("case", VANISHING, ids=lambda case: f"{case.kind}-{case.stream}")
one_of_each = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.kind)


def take(vendor: Any, case: StreamCase, *numbers: int) -> None:
    """Let documents vanish at the vendor."""
    for n in numbers:
        case.take(vendor, n) if case.take else vendor.take(case.stream, n)


def land(url: str, host: RecordingHost, case: StreamCase, name: str = "demo") -> None:
    extract.land(url, name, case.kind, [case.open(host)], RUN_DATE)


def detected(
    url: str, host: RecordingHost, case: StreamCase, limits: Deletions = LOOSE, *, accept_loss: bool = False
) -> dict[str, int]:
    at = host.connection(case.login, case.password)
    return detect_deletions.run(url, "demo", case.config, at, limits, NEXT_DAY, accept_loss=accept_loss)


def refusal(
    url: str, host: RecordingHost, case: StreamCase, kind: type[LifecycleError], limits: Deletions = LOOSE
) -> str:
    """The words of the error that it ends with, which hold nothing private."""
    with pytest.raises(kind) as raised:
        detected(url, host, case, limits)
    words = str(raised.value)
    assert not [word for word in PRIVATE if word in words]
    return words


def marked(url: str, case: StreamCase, name: str = "demo") -> set[int]:
    """Which documents of a source are marked as vanished."""
    landed = rows(url, f"select source, is_deleted, doc from raw.{case.kind}__{case.stream}")
    return {case.number(doc) for source, is_deleted, doc in landed if source == name and is_deleted}


def loaded(url: str, case: StreamCase) -> dict[tuple[str, int], tuple[datetime, Any]]:
    """(source, number) → when the document last changed for us, and what it holds."""
    landed = rows(url, f"select source, doc, loaded_at, cursor_at from raw.{case.kind}__{case.stream}")
    return {(source, case.number(doc)): (at, (doc, cursor_at)) for source, doc, at, cursor_at in landed}


def last_loaded(before: dict[tuple[str, int], tuple[datetime, Any]]) -> datetime:
    """Up to where an incremental model has read."""
    return max(at for at, _ in before.values())
