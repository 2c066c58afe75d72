"""What can go wrong, drawn as a tree; an error's type says what to do about it.

::

    LifecycleError
    ├── RetryLater          try again: the other side is busy, slow or broken
    │   └── RateLimited       … after a number of seconds
    ├── RowRejected         quarantine this row with the message, go on with the others
    └── Stop                a person has to act; trying again changes nothing
        ├── SettingsInvalid   the marketer's file or a connection is wrong
        ├── AccessDenied      a credential is refused or lacks a right
        ├── AccountRefused    the provider refuses for a reason of the account: a limit, the plan, an address
        ├── AnswerUnreadable  the other side answers, but not what its contract says
        ├── GateFailed        a critical check failed: the night must not go on
        ├── GuardTripped      the plan is larger than the marketer allows, or must not be sent any more
        │   └── PlanOutdated    … because it was made too long ago
        └── WarehouseMismatch the warehouse's tables were made by other code than this

No message ever holds an address, a name, a payload or a token: ids, counts and places, and of a provider's own words
what ``web.quoted`` lets through.
"""


class LifecycleError(Exception):
    """Whatever Lifecycle raises on purpose."""


class RetryLater(LifecycleError):
    """The other side is busy, slow or broken; the same call may go through later."""


class RateLimited(RetryLater):
    """The other side asks for a pause of ``seconds``."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class RowRejected(LifecycleError):
    """The other side refuses some rows of a batch.

    ``reasons`` maps a row's position in the batch to the other side's message; empty if it named none.
    """

    def __init__(self, message: str, reasons: dict[int, str]) -> None:
        super().__init__(message)
        self.reasons = reasons


class Stop(LifecycleError):
    """A person has to act; trying again changes nothing."""


class SettingsInvalid(Stop):
    """The marketer's file, a connection or a variable is wrong; the message lists every problem."""


class AccessDenied(Stop):
    """A credential is refused or lacks a right."""


class AccountRefused(Stop):
    """The provider refuses for a reason of the account, not of a row; the message has the provider's own words."""


class AnswerUnreadable(Stop):
    """The other side answers, but not what its contract says."""


class GateFailed(Stop):
    """A critical check failed: the night must not go on to the push."""


class GuardTripped(Stop):
    """The plan is larger than the marketer's guards allow, or something that it doesn't know has happened since."""


class PlanOutdated(GuardTripped):
    """The plan was made too long ago: it has to be made again."""


class WarehouseMismatch(Stop):
    """The warehouse's tables were made by a later version, or by migrations that have changed since."""
