"""What all tests that run dbt share: a third of a build's time went into what nobody looks at."""

import functools
import gc
from collections.abc import Iterator
from typing import Any

import parsedatetime
import pytest
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

from tests.databases import NewDatabase
from tests.dbt.stage_nights import StageWarehouse, stage_warehouse


@pytest.fixture(scope="package", autouse=True)
def fewer_collections() -> Iterator[None]:
    """A parsed project is millions of objects, which looking for garbage goes through."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    yield
    gc.set_threshold(*before)


@pytest.fixture(scope="package", autouse=True)
def quiet_steps() -> Iterator[None]:
    """dbt makes a message of each step, for a log that is switched off, and a parser of dates for each result."""
    fire_event, constants = EventManager.fire_event, parsedatetime.Constants

    def fire_what_matters(
        manager: EventManager, event: BaseEvent, level: EventLevel | None = None, *options: Any, **named: Any
    ) -> None:
        if (level or event.level_tag()) != EventLevel.DEBUG:
            fire_event(manager, event, level, *options, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventManager, "fire_event", fire_what_matters)
        patch.setattr(parsedatetime, "Constants", functools.cache(constants))
        yield


@pytest.fixture(scope="module")
def nights(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageWarehouse]:
    with stage_warehouse(new_database(), tmp_path_factory.mktemp("dbt")) as made:
        yield made
