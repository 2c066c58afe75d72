"""The suites of a gate: YAML files, each applied to every source, stream or audience that it is for.

They lie in ``expectations/<gate>/``, in Great Expectations' own vocabulary. Their ``meta`` adds:

- ``query``: the rows to look at; ``:run_date``, ``:suite`` and the names of ``each`` in it become literals,
  ``$raw.pull`` and the like tables of this installation's schemas
- ``parameters``: a query of one row, whose columns are the suite's ``$PARAMETER``s; null means no limit
- ``each``: run the suite once per

  | | names |
  |---|---|
  | ``stream`` that is read | ``:source``, ``:stream``, ``:timezone`` |
  | ``shop`` | ``:source``, ``:timezone``, ``:orders`` (its table), ``:ordered_at`` (the field that dates an order) |
  | ``provider`` | ``:source``, ``:timezone``, ``:suppressions`` (a query of ``email, is_deleted``) |
  | ``audience`` | ``:audience``, ``:holdout_share`` |
  | source of a kind such as ``woocommerce`` | ``:source``, ``:timezone`` |

  Without it, once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from psycopg import sql

from lifecycle import connectors, warehouse
from lifecycle.errors import SettingsInvalid
from lifecycle.settings import EXPECTATIONS, Esp, Settings
from lifecycle.sources import source_kind

Names = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file, applied to one source, stream or audience; ``query`` and ``parameters`` are plain SQL."""

    name: str
    query: str
    parameters: str | None
    expectations: list[dict[str, Any]]


def suites_of(gate: str, run_date: date, settings: Settings) -> list[Suite]:
    """The suites of a gate; raises ``SettingsInvalid`` for a file that is none, or a gate without any."""
    folder = EXPECTATIONS / gate
    files = sorted(folder.glob("*.yml"))
    if not files:
        message = f"{folder}: holds no suite; a gate without checks would let everything pass"
        raise SettingsInvalid(message)
    return [suite for file in files for suite in _suites_of(file, run_date, settings)]


def _suites_of(file: Path, run_date: date, settings: Settings) -> Iterable[Suite]:
    """The suite of a file, once for each thing that it applies to."""
    suite = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        name, meta, expectations = suite["name"], suite["meta"], suite["expectations"]
        query, _ = meta["query"], [(each["type"], each["meta"]["name"]) for each in expectations]
    except (KeyError, TypeError) as error:
        message = f"{file}: give name, meta.query and expectations, each with type and meta.name ({error})"
        raise SettingsInvalid(message) from None
    for place, names in _places(meta.get("each"), settings, file).items():
        full_name = f"{name}/{place}" if place else name
        values = {"run_date": run_date, "suite": full_name, **names}
        parameters = meta.get("parameters")
        yield Suite(full_name, _bind(query, values), _bind(parameters, values) if parameters else None, expectations)


def _places(each: str | None, settings: Settings, file: Path) -> Mapping[str, Names]:
    """What a suite applies to: name → the values of its SQL."""
    if each is None:
        return {"": {}}
    kinds = {"stream": _streams, "shop": _shops, "provider": _providers, "audience": _audiences}
    if each in kinds:
        return kinds[each](settings)
    if not connectors.is_known("sources", each):
        message = (
            f"{file}: unknown meta.each '{each}'; valid values: {', '.join((*kinds, *connectors.kinds('sources')))}"
        )
        raise SettingsInvalid(message)
    return {name: _source(settings, name) for name, config in settings.sources().items() if config.kind == each}


def _source(settings: Settings, name: str) -> dict[str, object]:
    config = settings.sources()[name]
    return {"source": name, "timezone": settings.timezone if isinstance(config, Esp) else config.timezone}


def _streams(settings: Settings) -> Mapping[str, Names]:
    """Every stream that a night reads."""
    return {
        f"{name}/{stream}": {**_source(settings, name), "stream": stream}
        for name, config in settings.sources().items()
        for stream in source_kind(config.kind).read(config)
    }


def _shops(settings: Settings) -> Mapping[str, Names]:
    return {
        name: {
            **_source(settings, name),
            "orders": warehouse.document_table(shop.kind, "orders"),
            "ordered_at": source_kind(shop.kind).spec("orders").ordered_at,
        }
        for name, shop in settings.shops.items()
    }


def _providers(settings: Settings) -> Mapping[str, Names]:
    return {
        name: {**_source(settings, name), "suppressions": _suppressions(name, esp)}
        for name, esp in settings.providers().items()
    }


def _suppressions(name: str, esp: Esp) -> sql.Composable:
    """A query of everybody whom a provider's streams of suppressions name: ``email, is_deleted``."""
    one = sql.SQL("select doc ->> {} as email, is_deleted from {} where source = {}")
    queries = [
        one.format(spec.suppressed, warehouse.document_table(esp.kind, stream), name)
        for stream, spec in source_kind(esp.kind).suppressions(esp).items()
    ]
    nobody = sql.SQL("select null as email, false as is_deleted where false")
    return sql.SQL("({})").format(sql.SQL(" union all ").join(queries) if queries else nobody)


def _audiences(settings: Settings) -> Mapping[str, Names]:
    return {
        name: {"audience": name, "holdout_share": audience.holdout_share}
        for name, audience in settings.audiences.items()
    }


def _bind(statement: str, values: Names) -> str:
    """Put schemas, values and names in SQL where the statement names them; ``::`` and other names stay."""

    def literal(match: re.Match[str]) -> str:
        value = values.get(match[1], sql.SQL(match[0]))
        return (value if isinstance(value, sql.Composable) else sql.Literal(value)).as_string()

    return re.sub(r"(?<![:\w]):([a-z_]+)\b", literal, warehouse.resolved_text(statement))
