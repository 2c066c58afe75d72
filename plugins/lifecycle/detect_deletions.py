"""Look at everything that a source holds, and mark what has vanished there: no cursor tells of it.

A stream whose listing lacks more than the marketer's file allows is left as it is: an empty or cut answer must not
delete anybody, nor lift anybody's suppression.
"""

import logging
from collections.abc import Iterator
from datetime import date

from lifecycle import warehouse
from lifecycle.errors import GuardTripped
from lifecycle.settings import Connection, Deletions, Esp, Shop
from lifecycle.sources import Stream, document_key, reading, source_kind

log = logging.getLogger(__name__)


def run(
    url: str,
    name: str,
    source: Shop | Esp,
    connection: Connection,
    limits: Deletions,
    run_date: date,
    *,
    accept_loss: bool = False,
) -> dict[str, int]:
    """Compare every stream of a source with ``raw``; return stream → documents that vanished.

    Raises ``GuardTripped`` with every stream of which too much has vanished, once the others are done; these are left
    as they are, unless ``accept_loss``.
    """
    streams = source_kind(source.kind).open(source, connection, run_date)
    vanished, refused = {}, []
    with warehouse.only_one(url, f"extract {name}"):
        for stream in streams:
            if not stream.listing:
                continue
            with warehouse.connect(url) as database:
                ids = _ids(name, stream)
                check = warehouse.compare_listing(database, source.kind, name, stream.name, ids)
                if _is_too_much(check, limits) and not accept_loss:
                    refused.append(f"{stream.name}: {check.vanished} of {check.known} are not there any more")
                    continue
                warehouse.mark_vanished(database, source.kind, name, stream.name, run_date, check)
                vanished[stream.name] = check.vanished
                log.info("%s, stream %s: %s", name, stream.name, check)
    if refused:
        allowed = f"{limits.max_vanished_share:.0%} of at least {limits.from_documents}"
        message = f"{name}: {'; '.join(refused)}; allowed: {allowed}. If that is right, run with accept_loss"
        raise GuardTripped(message)
    return vanished


def _ids(name: str, stream: Stream) -> Iterator[str]:
    """The id in ``raw`` of every document that is there now."""
    pages = stream.listing() if stream.listing else iter(())
    number = 1
    while True:
        with reading(f"{name}, listing of {stream.name}, page {number}"):
            page = next(pages, None)
            ids = None if page is None else [f"{name}/{document_key(stream, document)}" for document in page]
        if ids is None:
            return
        yield from ids
        number += 1


def _is_too_much(check: warehouse.DeletionCheck, limits: Deletions) -> bool:
    """Whether more has vanished than may; whatever the limits, nothing at all in a stream that held something is."""
    if check.known and not check.listed:
        return True
    return check.known >= limits.from_documents and check.vanished > check.known * limits.max_vanished_share
