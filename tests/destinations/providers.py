"""Our providers on their demo servers, and what is each one's own."""

from datetime import UTC, datetime

from demo.brevo import Brevo
from demo.esp import Esp, Pace
from lifecycle.destinations.brevo import writer as brevo
from lifecycle.destinations.brevo.account import UNLISTED
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.testing.providers import ProviderCase

ONE_POLL = Pace(polls=1, seconds=None)

SENDGRID = ProviderCase(
    module=sendgrid,
    start=lambda: Esp(pace=ONE_POLL),
    key="SG.demo",
    read_only_key="SG.demo-read-only",
    calls={
        "upsert": ("PUT", "/v3/marketing/contacts$"),
        "remove": ("DELETE", "/contacts$"),
        "members_among": ("POST", "/search/emails$"),
        "outcome": ("GET", "/imports/"),
        "contacts": ("POST", "/exports$"),
    },
    creations=("/lists$", "/field_definitions$"),
    other_type="lifecycle_orders is Text at SendGrid, not Number",
    removal_is_a_job=True,
    unknown_job="00000000-0000-0000-0000-000000000000",
    own_lists=frozenset(),
    contacts_in=lambda job: int(job["results"]["requested_count"]),
    fields_of=lambda contact: contact["custom_fields"],
    greeting_of=lambda contact: {
        **{name: contact[name] for name in ("first_name", "last_name", "country")},
        "language": contact["custom_fields"]["lifecycle_language"],
    },
    account_reason="you have hit your contact limit",
    refusal_of=lambda reason: {"errors": [{"field": None, "message": reason}]},
    delete_list=lambda esp, name: esp.delete_list(name),
    rename_list=lambda esp, name, new_name: esp.rename_list(name, new_name),
    suppress=lambda esp, email: esp.suppress("unsubscribes", email, datetime(2017, 12, 1, tzinfo=UTC)),
    is_suppressed=lambda esp, email: bool(esp.store.rows("select 1 from suppression where email = ?", (email,))),
)
BREVO = ProviderCase(
    module=brevo,
    start=lambda: Brevo(pace=ONE_POLL),
    key="xkeysib-demo",
    read_only_key="xkeysib-demo-read-only",
    calls={
        "upsert": ("POST", "/v3/contacts/import$"),
        "remove": ("POST", "/contacts/remove$"),
        "members_among": ("GET", r"/lists/\d+/contacts$"),
        "outcome": ("GET", "/v3/processes/"),
        "contacts": ("GET", r"/lists/\d+/contacts$"),
    },
    creations=("/folders$", "/lists$", "/attributes/"),
    other_type="LIFECYCLE_ORDERS is text at Brevo, not float",
    removal_is_a_job=False,
    unknown_job="999999",
    own_lists=frozenset({UNLISTED}),
    contacts_in=lambda job: int(job["count"]),
    fields_of=lambda contact: contact["attributes"],
    greeting_of=lambda contact: {
        ours: contact["attributes"][there]
        for ours, there in {
            "first_name": "FIRSTNAME",
            "last_name": "LASTNAME",
            "country": "COUNTRY",
            "language": "LANGUAGE",
        }.items()
    },
    account_reason="Your account has reached its contact limit",
    refusal_of=lambda reason: {"code": "invalid_parameter", "message": reason},
    delete_list=lambda server, name: server.account.lists.pop(server.lists()[name]),
    rename_list=lambda server, name, new_name: server.rename_list(name, new_name),
    suppress=lambda server, email: server.block(email),
    is_suppressed=lambda server, email: bool(server.contacts()[email]["emailBlacklisted"]),
)
PROVIDERS = {"sendgrid": SENDGRID, "brevo": BREVO}
