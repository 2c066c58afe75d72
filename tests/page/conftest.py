"""The page over figures made by hand, with an access policy that a test can change."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from lifecycle.page import AccessPolicy, application
from tests.databases import NewDatabase, with_schemas
from tests.page.parsed_page import ParsedPage
from tests.page.sample_data import fill, page_settings


@dataclass
class Site:
    """The page as a browser meets it: ``refused`` maps a right that is refused to the status of the answer."""

    url: str
    refused: dict[str, int] = field(default_factory=dict)

    def access(self, name: str) -> Callable[[], None]:
        def pass_through() -> None:
            if name in self.refused:
                raise HTTPException(self.refused[name])

        return pass_through

    def warehouse(self) -> str:
        return self.url

    @property
    def client(self) -> TestClient:
        figures, people = self.access("figures"), self.access("people")
        policy = AccessPolicy(figures, people, lambda: "marketer", lambda: "people" not in self.refused, self.warehouse)
        return TestClient(application(page_settings(), policy), raise_server_exceptions=False)

    def shown(self, address: str = "/") -> ParsedPage:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return ParsedPage(answer.text)


@pytest.fixture(scope="session")
def filled(new_database: NewDatabase) -> str:
    """A warehouse that no test changes."""
    return new_database(fill)


@pytest.fixture
def site(filled: str) -> Site:
    return Site(filled)


@pytest.fixture
def own_site(new_database: NewDatabase) -> Site:
    """A warehouse that the test may change."""
    return Site(new_database(fill))


@pytest.fixture
def empty_site(new_database: NewDatabase) -> Site:
    """A warehouse before its first night."""
    return Site(new_database(with_schemas))
