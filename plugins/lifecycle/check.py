"""Try each connection and each right that a night needs, and name what is missing."""

from datetime import UTC, date, datetime

from lifecycle.destinations import destination_kind
from lifecycle.errors import AccessDenied, LifecycleError
from lifecycle.settings import Connection, Destination, Esp, Shop
from lifecycle.sources import Stream, reading, source_kind


def source(name: str, config: Shop | Esp, connection: Connection, run_date: date) -> dict[str, str]:
    """Stream of a source → what is missing for it, in a sentence; empty where it can be read.

    Where the source as a whole can't be opened, its own name stands for its streams.
    """
    try:
        streams = source_kind(config.kind).open(config, connection, run_date)
    except LifecycleError as error:
        return {name: f"{name}: {error}"}
    return {stream.name: _missing(f"{name}, stream {stream.name}", stream) for stream in streams}


def destination(config: Esp | Destination, connection: Connection) -> str:
    """What is missing for a delivery; empty where everything is there."""
    try:
        with reading("destination"):
            missing = destination_kind(config.kind).missing_rights(config, connection)
    except LifecycleError as error:
        return str(error)
    return f"destination: rights are missing: {', '.join(missing)}" if missing else ""


def _missing(place: str, stream: Stream) -> str:
    try:
        with reading(place):
            _probe(stream)
    except AccessDenied as error:
        return f"{error}; it needs: {stream.right}" if stream.right else str(error)
    except LifecycleError as error:
        return str(error)
    return ""


def _probe(stream: Stream) -> None:
    """The cheapest call that shows whether a stream can be read."""
    if stream.probe:
        stream.probe()
    elif stream.pages:
        next(stream.pages(datetime.now(UTC)), None)
    elif stream.parts:
        next(iter(stream.parts()), None)
