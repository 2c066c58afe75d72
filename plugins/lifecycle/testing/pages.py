"""Small pages, so that a test needs few documents for many pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lifecycle import connectors
from lifecycle.connectors import Group
from lifecycle.sources import SourceKind


def in_pages_of(size: int, source: SourceKind) -> SourceKind:
    """The same kind of source, of whose streams each answer holds at most ``size`` documents."""
    return replace(source, streams=tuple(replace(spec, page_size=size) for spec in source.streams))


def only(source: SourceKind, *streams: str) -> SourceKind:
    """The same kind of source with some of its streams alone."""
    return replace(source, streams=tuple(spec for spec in source.streams if spec.name in streams))


def change_sources(monkeypatch: pytest.MonkeyPatch, change: Callable[[SourceKind], SourceKind]) -> None:
    """Have every kind of source changed wherever it is looked up, for one test."""
    load = connectors.load

    def changed(group: Group, kind: str) -> Any:
        declared = load(group, kind)
        return change(declared) if isinstance(declared, SourceKind) else declared

    monkeypatch.setattr(connectors, "load", changed)
