"""The moment at which a demo server stands: what is dated later does not exist yet."""

from datetime import UTC, datetime

END_OF_TIME = 2**40


class Clock:
    """A settable `now` in UTC; None means that everything exists and that writes carry the wall time."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = _utc(now)

    @property
    def now(self) -> datetime | None:
        """The set moment, or None."""
        return self._now

    @now.setter
    def now(self, moment: datetime | None) -> None:
        self._now = _utc(moment)

    def horizon(self) -> int:
        """Epoch second up to which (inclusive) things exist."""
        return END_OF_TIME if self._now is None else int(self._now.timestamp())

    def stamp(self) -> int:
        """Epoch second that a write carries."""
        return int((self._now or datetime.now(UTC)).timestamp())


def parse(text: str) -> datetime:
    """Read an ISO moment; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(epoch: int) -> str:
    """Write an epoch second as `2017-12-24T03:30:00Z`."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
