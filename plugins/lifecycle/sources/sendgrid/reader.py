"""The reading of SendGrid: each stream with the calls that give it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from lifecycle.errors import AccessDenied
from lifecycle.settings import Connection
from lifecycle.sources import Document, Pages, Stream, StreamSpec, moment
from lifecycle.sources.sendgrid import ACTIVITY, MARKETING, SendGridEsp, activity, campaigns, events, suppressions
from lifecycle.sources.sendgrid.api import check_region, export, lists, scopes, sign_in
from lifecycle.web import Session

#: Stream → where it is listed under ``/v3/marketing``, and the part of an answer that holds the documents.
CAMPAIGNS = {
    "single_sends": ("singlesends", "result"),
    "single_send_stats": ("stats/singlesends", "results"),
    "automation_stats": ("stats/automations", "results"),
}

log = logging.getLogger(__name__)


def streams(esp: SendGridEsp, connection: Connection, run_date: date, wanted: Mapping[str, StreamSpec]) -> list[Stream]:
    """What SendGrid has to tell; raises ``SettingsInvalid`` for what the connection's region doesn't have."""
    check_region(connection, [name for name, spec in wanted.items() if spec.right in {MARKETING, ACTIVITY}])
    account = Account(esp, connection, run_date, *sign_in(connection))
    return [account.stream(spec) for spec in wanted.values()]


@dataclass(frozen=True, slots=True)
class Account:
    """A SendGrid account, signed in to."""

    esp: SendGridEsp
    connection: Connection
    run_date: date
    session: Session
    address: str

    def stream(self, spec: StreamSpec) -> Stream:
        """One stream, by the calls that give it."""
        if spec.name in CAMPAIGNS:
            return self._campaigns(spec)
        own = {
            "contacts": self._contacts,
            "list_members": self._list_members,
            "group_suppressions": self._group_suppressions,
            "messages": self._messages,
            "events": self._events,
            "unsubscribe_groups": self._groups,
        }
        return own.get(spec.name, self._suppressions)(spec)

    def _listed(
        self,
        spec: StreamSpec,
        changed_at: Callable[[Document], datetime | None],
        pages: Callable[..., Pages],
        overlap: timedelta = timedelta(0),
    ) -> Stream:
        """A stream whose reading lists all that is there; its right is a scope of the API key."""
        probe = _needs(self.session, self.address, spec.right)
        return Stream.of(spec, changed_at, pages=pages, overlap=overlap, listing=pages, probe=probe)

    def _contacts(self, spec: StreamSpec) -> Stream:
        return self._listed(spec, _updated_at, partial(_contacts, self.session, self.address, spec.page_size))

    def _list_members(self, spec: StreamSpec) -> Stream:
        names = self.esp.opt_in_lists
        return self._listed(
            spec, _updated_at, partial(_list_members, self.session, self.address, names, spec.page_size)
        )

    def _suppressions(self, spec: StreamSpec) -> Stream:
        url = f"{self.address}/v3/suppression/{spec.name}"
        pages = partial(suppressions.of_a_kind, self.session, url, spec.page_size)
        return self._listed(spec, _suppressed_at, pages, timedelta(days=2))

    def _group_suppressions(self, spec: StreamSpec) -> Stream:
        return self._listed(spec, _group_left_at, partial(suppressions.of_groups, self.session, self.address))

    def _groups(self, spec: StreamSpec) -> Stream:
        return self._listed(spec, _never, partial(campaigns.groups, self.session, self.address))

    def _campaigns(self, spec: StreamSpec) -> Stream:
        path, documents = CAMPAIGNS[spec.name]
        url = f"{self.address}/v3/marketing/{path}"
        return self._listed(spec, _updated_at, partial(campaigns.paged, self.session, url, documents, spec.page_size))

    def _messages(self, spec: StreamSpec) -> Stream:
        day = self.run_date
        earliest = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=self.esp.activity_days)
        pages = partial(activity.messages, self.session, f"{self.address}/v3/messages", spec.page_size, earliest)
        return Stream.of(spec, _last_event_at, pages=pages, overlap=timedelta(days=3))

    def _events(self, spec: StreamSpec) -> Stream:
        options = self.connection.extra.get("event_files")
        return Stream.of(spec, _happened_at, parts=partial(events.parts, self.esp.event_files, spec.page_size, options))


def _needs(session: Session, address: str, scope: str) -> Callable[[], None]:
    """A check that the API key has a scope; it raises ``AccessDenied`` with the scope's name."""

    def probe() -> None:
        if scope not in scopes(session, address):
            message = f"the API key has no scope {scope}"
            raise AccessDenied(message)

    return probe


def _contacts(session: Session, address: str, page_size: int, _: datetime | None = None) -> Pages:
    yield from _in_pages(export(session, address), page_size)


def _list_members(session: Session, address: str, names: list[str], page_size: int, _: datetime | None = None) -> Pages:
    """The members of the opt-in lists; a list that is not there yet has none, which is logged."""
    known = lists(session, address) if names else {}
    for name in names:
        if name not in known:
            log.warning("opt-in list %r is not at the provider; nobody counts as opted in by it", name)
            continue
        membership = {"list_id": known[name], "list_name": name}
        contacts = ({**membership, **contact} for contact in export(session, address, known[name]))
        yield from _in_pages(contacts, page_size)


def _in_pages(contacts: Iterator[Document], page_size: int) -> Pages:
    page = list[Document]()
    for contact in contacts:
        page.append(contact)
        if len(page) == page_size:
            yield page
            page = []
    yield page


def _epoch(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def _updated_at(contact: Document) -> datetime | None:
    return moment(contact.get("updated_at") or contact.get("created_at"))


def _suppressed_at(item: Document) -> datetime | None:
    return _epoch(item.get("created"))


def _group_left_at(item: Document) -> datetime | None:
    return _epoch(item.get("created_at"))


def _happened_at(event: Document) -> datetime | None:
    return _epoch(event.get("timestamp"))


def _last_event_at(message: Document) -> datetime | None:
    return moment(message.get("last_event_time"))


def _never(_: Document) -> None:
    return None
