"""Every kind of source and destination declares itself, is found by name, and is imported only when asked for."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import Field

from lifecycle import connectors, settings
from lifecycle.destinations import DestinationKind, destination_kind
from lifecycle.errors import SettingsInvalid
from lifecycle.settings import Esp, Shop, Statuses
from lifecycle.sources import SourceKind, StreamSpec, document_streams, key_of, source_kind
from tests.test_settings import SMALLEST, changed, problems

ROOT = Path(connectors.__file__).parent


class ExampleShop(Shop):
    """A kind of shop that comes in a package of its own."""

    kind: Literal["example"]
    connection: str
    paid_statuses: Statuses = Field(default=["paid"])
    api_version: int = 1


EXAMPLE = SourceKind("example", ExampleShop, (StreamSpec("orders", key_of("id"), ordered_at="made_at"),), lambda *_: [])
SHOP = {"kind": "example", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a package installed that declares kinds of source under these names."""

    def installed(group: connectors.Group = "sources", **declared: Any) -> None:
        module = ModuleType("lifecycle_example")
        module.__dict__.update({name.upper(): value for name, value in declared.items()})
        monkeypatch.setitem(sys.modules, module.__name__, module)
        points = {
            name: EntryPoint(name, f"lifecycle_example:{name.upper()}", f"lifecycle.{group}") for name in declared
        }
        monkeypatch.setattr(connectors, "_installed", lambda asked: points if asked == group else {})

    return installed


@pytest.mark.parametrize("kind", connectors.BUILT_IN["sources"])
def test_every_kind_of_source_declares_itself_with_its_streams(kind: str) -> None:
    source = source_kind(kind)
    assert source.kind == kind
    assert issubclass(source.settings, Shop | Esp)
    assert all(spec.right and spec.page_size > 0 for spec in source.streams)
    assert len({spec.name for spec in source.streams}) == len(source.streams)
    dated = [spec.name for spec in source.streams if spec.ordered_at]
    assert dated == (["orders"] if issubclass(source.settings, Shop) else [])


@pytest.mark.parametrize("kind", connectors.BUILT_IN["destinations"])
def test_every_kind_of_destination_declares_itself_with_what_it_can(kind: str) -> None:
    assert destination_kind(kind).kind == kind
    assert destination_kind(kind).can


@pytest.mark.parametrize("group", ["sources", "destinations"])
def test_every_folder_of_connectors_is_a_kind_that_is_built_in(group: connectors.Group) -> None:
    folders = {path.parent.name for path in (ROOT / group).glob("*/__init__.py")}
    assert folders == {*connectors.BUILT_IN[group]}


def test_every_stream_of_every_kind_gets_a_table(install: Callable[..., None]) -> None:
    install(example=EXAMPLE)
    streams = document_streams()
    assert ("example", "orders") in streams
    assert {kind for kind, _ in streams} == {*connectors.BUILT_IN["sources"], "example"}


def test_a_kind_of_an_installed_package_is_as_good_as_one_of_ours(install: Callable[..., None]) -> None:
    install(example=EXAMPLE)
    read = settings.parse(changed("shops.laden", SHOP))
    assert read.shops["laden"] == ExampleShop.model_validate(SHOP)
    assert read.model_dump()["shops"]["laden"]["api_version"] == 1
    assert read.kinds() == {"example", "sendgrid"}
    (problem,) = problems(changed("shops.laden", SHOP | {"version": 2}))
    assert problem.startswith("shops.laden.version: unknown key; valid keys: kind, connection, timezone, currency")
    assert problem.endswith("overlap_days, api_version")
    (problem,) = problems(changed("shops.laden.kind", "magento"))
    assert problem.endswith("'files', 'sql', 'example', not 'magento'")


def test_a_shop_is_no_provider_and_a_provider_no_shop() -> None:
    (problem,) = problems(changed("shops.laden.kind", "sendgrid"))
    assert "'sql', not 'sendgrid'" in problem
    (problem,) = problems(changed("esp.kind", "shopify"))
    assert problem == "esp.kind: Input should be 'sendgrid', not 'shopify'"


def test_a_package_cannot_take_the_name_of_a_kind_of_ours(install: Callable[..., None]) -> None:
    install(woocommerce=replace(EXAMPLE, kind="woocommerce"))
    assert source_kind("woocommerce").settings is not ExampleShop
    assert connectors.kinds("sources") == connectors.BUILT_IN["sources"]


def test_a_kind_that_nobody_declares_is_told_with_those_that_there_are() -> None:
    with pytest.raises(SettingsInvalid, match="'magento' is not a known kind; valid values: woocommerce, shopify"):
        source_kind("magento")


@pytest.mark.parametrize("declared", [SimpleNamespace(kind="another"), object()], ids=["another kind", "no kind"])
def test_an_entry_point_that_names_something_else_is_refused(install: Callable[..., None], declared: object) -> None:
    install(example=declared)
    with pytest.raises(SettingsInvalid, match=r"'example' of lifecycle.sources: must name the object that declares"):
        source_kind("example")


def test_a_package_that_is_broken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("example", "nowhere.to_be_found:SOURCE", "lifecycle.sources")
    monkeypatch.setattr(connectors, "_installed", lambda _: {"example": point})
    with pytest.raises(SettingsInvalid, match=r"'example' of lifecycle.sources: can't be imported \(ModuleNotFound"):
        source_kind("example")


def test_a_provider_that_is_only_read_needs_a_destination(install: Callable[..., None]) -> None:
    class ReadOnly(Esp):
        kind: Literal["reader"]

    install(reader=SourceKind("reader", ReadOnly, (), lambda *_: []))
    esp = {"kind": "reader", "connection": "esp"}
    (problem,) = problems(SMALLEST | {"esp": esp})
    assert "lists can't be sent to a provider of the kind 'reader'; name a destination of one of: sendgrid" in problem
    destination = {"kind": "brevo", "connection": "brevo"}
    assert settings.parse(SMALLEST | {"esp": esp, "destination": destination}).push_to().kind == "brevo"


LOADED = """
import sys
from lifecycle import settings
settings.load()
heavy = {"requests", "tenacity", "sqlalchemy", "fsspec", "httpx", "sendgrid", "brevo", "pyarrow", "pytest"}
print(sorted(heavy & set(sys.modules)))
named = [name.split(".") for name in sys.modules if name.startswith(("lifecycle.sources.", "lifecycle.destinations."))]
print(sorted(name[2] for name in named))
"""


def test_reading_the_file_imports_the_declarations_that_it_names_and_nothing_heavy() -> None:
    command = [sys.executable, "-c", LOADED]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT.parent)}, capture_output=True, check=True)
    heavy, declared = run.stdout.decode().splitlines()
    assert heavy == "[]"
    assert declared == "['sendgrid', 'woocommerce']"


def test_a_destination_of_an_installed_package_is_found(install: Callable[..., None]) -> None:
    declared = DestinationKind("example", settings.Destination, frozenset(), lambda *_, **__: None, lambda *_: [])  # type: ignore[arg-type]
    install("destinations", example=declared)
    assert destination_kind("example") is declared
    read = settings.parse(SMALLEST | {"destination": {"kind": "example", "connection": "there"}})
    assert read.push_to().kind == "example"
