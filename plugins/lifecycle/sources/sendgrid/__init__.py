"""SendGrid Marketing Campaigns, v3, as it is read.

| module | reads |
|---|---|
| `reader` | contacts and the opt-in lists, by the export: the only complete reading of them |
| `suppressions` | who is not to be sent to |
| `activity`, `events` | what became of messages: the paid API, and the event webhook's files |
| `campaigns` | what was sent |
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lifecycle.settings import Connection, Days, Esp
from lifecycle.sources import Document, SourceKind, Stream, StreamSpec, key_of

MARKETING, SUPPRESSION = "marketing.read", "suppression.read"
GROUPS, GROUP_SUPPRESSIONS = "asm.groups.read", "asm.groups.suppressions.read"
ACTIVITY = "Email Activity, with the add-on of that name"
EVENT_FILES = "to list and to read the files of event_files"
#: How many an answer holds; of an export and of a file, how many we take at once.
EXPORT_PAGE, EVENT_PAGE = 5000, 5000
SUPPRESSION_PAGE, MESSAGES_PAGE, LISTING_PAGE, STATISTICS_PAGE = 500, 1000, 100, 50


class SendGridEsp(Esp):
    """By SendGrid's API.

    ``event_files`` is the folder of the files that its event webhook is written to; ``campaigns``: read what was sent;
    ``contacts``: read them and the opt-in lists, which an account of the EU region doesn't have.
    """

    kind: Literal["sendgrid"]
    message_activity: bool = True
    activity_days: Days = 30
    event_files: Annotated[str, Field(min_length=1)] | None = None
    campaigns: bool = True
    contacts: bool = True

    @model_validator(mode="after")
    def _opt_in_lists_are_of_contacts(self) -> Self:
        if self.opt_in_lists and not self.contacts:
            message = "opt_in_lists are read with the contacts: leave them out, or 'contacts: false'"
            raise ValueError(message)
        return self

    def tells_events(self) -> bool:
        """Only the event webhook tells more of a message than its subject."""
        return self.event_files is not None


def _connect(
    esp: SendGridEsp, connection: Connection, run_date: date, wanted: Mapping[str, StreamSpec]
) -> list[Stream]:
    from lifecycle.sources.sendgrid.reader import streams

    return streams(esp, connection, run_date, wanted)


def _lower_key(*names: str) -> Callable[[Document], str]:
    key = key_of(*names)
    return lambda item: key(item).lower()


def _suppressions(kind: str) -> StreamSpec:
    return StreamSpec(kind, _lower_key("email", "created"), SUPPRESSION, SUPPRESSION_PAGE, suppressed="email")


def _contacts(name: str, *key: str) -> StreamSpec:
    return StreamSpec(name, key_of(*key), MARKETING, EXPORT_PAGE, is_read=lambda esp: esp.contacts)


def _campaigns(name: str, page_size: int) -> StreamSpec:
    return StreamSpec(name, key_of("id"), MARKETING, page_size, is_read=lambda esp: esp.campaigns)


SOURCE = SourceKind(
    "sendgrid",
    SendGridEsp,
    streams=(
        _contacts("contacts", "contact_id"),
        _contacts("list_members", "list_id", "contact_id"),
        *map(_suppressions, ("bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails")),
        StreamSpec("group_suppressions", _lower_key("group_id", "email"), GROUP_SUPPRESSIONS, suppressed="email"),
        StreamSpec("messages", key_of("msg_id"), ACTIVITY, MESSAGES_PAGE, is_read=lambda esp: esp.message_activity),
        StreamSpec("events", key_of("sg_event_id"), EVENT_FILES, EVENT_PAGE),
        _campaigns("single_sends", LISTING_PAGE),
        _campaigns("single_send_stats", STATISTICS_PAGE),
        _campaigns("automation_stats", STATISTICS_PAGE),
        StreamSpec("unsubscribe_groups", key_of("id"), GROUPS),
    ),
    connect=_connect,
)
