"""How strict the account is: what public reports agree on is the default, and where they disagree the choice is here.

Every rule names its source. What a report leaves open, mostly the words of an answer, is made up.
"""

from dataclasses import dataclass, field
from typing import Literal

CONTACT_LIMIT = "you have hit your contact limit"


@dataclass(frozen=True)
class RateLimit:
    """So many calls per window and path template; the reset header gives seconds left or the epoch."""

    calls: int = 6_000
    seconds: float = 60.0
    reset: Literal["seconds", "epoch"] = "seconds"


@dataclass
class Rules:
    """The rules of one account; they can be changed while it runs."""

    #: ``null`` in a Number or Date: sendgrid/docs#6323 has "an error saying 'custom field … cannot be null'" at once.
    #: Whether it may come in the errors file instead is reported nowhere; ``cleared`` is an account that takes it.
    null: Literal["request", "row", "cleared"] = "request"
    #: A boolean in any field, a number in a Text, a text in a Number, a Date that is none: accepted, and refused by
    #: the job (n8n-io/n8n#3058, sendgrid/sendgrid-nodejs#953, sendgrid/sendgrid-go#366: a job id, "Import error").
    #: The documentation promises "an HTTP 4XX error containing validation errors".
    wrong_type: Literal["row", "request"] = "row"
    #: A custom field that doesn't exist, by row, or as sendgrid/sendgrid-nodejs#953 quotes it, all ids in one message.
    unknown_field: Literal["row", "message"] = "row"
    #: Which rows a 400 names: each (recorded by grouparoo/grouparoo: ``contacts[0].email``), the first one, or none.
    names: Literal["all", "first", "nobody"] = "all"
    #: What the file of refused rows holds. Its columns are documented nowhere; the link is an S3 one, which expires
    #: with 403; a count alone is what a job has whose ``errors_url`` is missing, as in knadh/listmonk#2549.
    errors_file: Literal["addresses", "messages", "expired", "missing"] = "addresses"
    #: docs.sendgrid.com/api-reference/lists/create-list: "You can create a maximum of 1000 lists."
    max_lists: int = 1_000
    #: docs.sendgrid.com/api-reference/custom-fields: "You can create up to 500 custom fields."
    max_fields: int = 500
    #: How many contacts the plan holds (support.sendgrid.com, "Marketing Campaigns (New) Contact Storage").
    max_contacts: int | None = None
    #: Who learns of it: each new contact in the errors file (sendgrid/sendgrid-go#413), or the request as a whole.
    contact_limit: Literal["row", "request"] = "row"
    #: Addresses that the provider doesn't take, each with its reason, and when it says so.
    refused: dict[str, str] = field(default_factory=dict)
    refused_at: Literal["row", "request"] = "row"
    #: How many times search, export and counts still show what was before a job that has completed. The
    #: documentation says "the creation and update of contacts is an asynchronous process"; recorded exchanges have
    #: half a minute between a contact's entry and its being found, BugAlertDotOrg/bugalert#56 waits six.
    looks_until_found: int = 0
    #: ``GET /v3/user/username`` needs the scope ``user.username.read``, which a restricted key may not have.
    may_read_username: bool = True
    gzip_exports: bool = True
    rate_limit: RateLimit = RateLimit()
