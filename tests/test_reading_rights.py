"""Who may read what in the warehouse: counts, single persons, and the record of who looked at whom."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from psycopg import errors

from lifecycle import warehouse
from tests.databases import NewDatabase, with_schemas

FIGURES, PEOPLE = "lifecycle_figures", "lifecycle_people"
COUNTS = [
    "delivery.run",
    "delivery.audience",
    "delivery.reject_counts",
    "delivery.reconciliation",
    "delivery.doubt",
    "raw.pull",
    "raw.deletion_check",
    "raw.reject_counts",
    "quality.result",
]
PERSONAL = [
    "delivery.account",
    "delivery.decision",
    "delivery.plan",
    "delivery.ledger",
    "delivery.membership",
    "delivery.job_row",
    "delivery.drift",
    "delivery.reject",
    "delivery.audit",
    "raw.reject",
]
PERSON = UUID(int=7)
RUNS = """
insert into delivery.account (destination, is_current) values ('sendgrid', true);
insert into delivery.run (run_date, destination, account_id)
values ('2017-12-30', 'sendgrid', 1), ('2017-12-31', 'sendgrid', 1)
"""
REJECTS = """
insert into delivery.reject (account_id, person_id, email, payload, add_lists, message, run_id)
select 1, person_id::uuid, 'a@example.com', '{}', lists::text[], 'no', run_id
from (values
    ('00000000-0000-0000-0000-000000000001', '{VIP,Lost}', 1),
    ('00000000-0000-0000-0000-000000000001', '{VIP}', 1),
    ('00000000-0000-0000-0000-000000000002', '{VIP}', 1),
    ('00000000-0000-0000-0000-000000000003', '{}', 2)
) as refused (person_id, lists, run_id)
"""
ROWS = """
insert into raw.reject (source, stream, file, line, reason, "row", run_date)
select 'shop', stream, 'a.csv', line, 'no date', 'a@example.com', '2017-12-31'
from (values ('orders', 1), ('orders', 2), ('customers', 1)) as rows (stream, line)
"""


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(with_schemas)


@pytest.fixture
def no_roles(new_database: NewDatabase) -> Iterator[list[str]]:
    """Empty databases of a server on which nobody has made the roles yet."""
    urls = [new_database() for _ in range(4)]
    with warehouse.connect(urls[0]) as connection:
        warehouse.prepare(urls[0], [])
        for role in (FIGURES, PEOPLE):
            connection.execute(f"alter role {role} rename to {role}_before".encode())
    urls[0] = new_database()
    yield urls
    for each in urls:
        with warehouse.connect(each) as connection:
            for role in roles(each):
                connection.execute(f"drop owned by {role}".encode())
    with warehouse.connect(urls[0]) as connection:
        for role in (FIGURES, PEOPLE):
            connection.execute(f"drop role if exists {role}".encode())
            connection.execute(f"alter role {role}_before rename to {role}".encode())


def read(url: str, statement: str, role: str | None = None) -> list[tuple[Any, ...]]:
    """What a statement gives, as the role; what it has written is kept."""
    with warehouse.connect(url) as connection:
        if role:
            connection.execute(f"set role {role}".encode())
        answer = connection.execute(statement.encode())
        return answer.fetchall() if answer.description else []


def roles(url: str) -> set[str]:
    found = read(url, f"select rolname from pg_roles where rolname in ('{FIGURES}', '{PEOPLE}')")
    return {name for (name,) in found}


def test_the_figures_role_reads_counts_and_nothing_of_persons(url: str) -> None:
    for table in COUNTS:
        assert read(url, f"select * from {table}", FIGURES) == []
    for table in (*PERSONAL, "access.person_view"):
        with pytest.raises(errors.InsufficientPrivilege):
            read(url, f"select * from {table}", FIGURES)


def test_the_people_role_reads_what_was_done_with_a_person_and_nothing_else(url: str) -> None:
    assert read(url, "select * from delivery.audit", PEOPLE) == []
    for table in (*COUNTS, *PERSONAL, "access.person_view"):
        if table != "delivery.audit":
            with pytest.raises(errors.InsufficientPrivilege):
                read(url, f"select * from {table}", PEOPLE)


def test_neither_role_writes_anywhere(url: str) -> None:
    for role in (FIGURES, PEOPLE):
        for statement in (
            RUNS,
            "delete from raw.pull",
            "truncate quality.result",
            f"insert into access.person_view (viewed_by, person_id) values ('me', '{PERSON}')",
            "delete from access.person_view",
            "create table delivery.mine ()",
            "create schema mine",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                read(url, statement, role)


def test_who_looks_at_a_person_is_recorded(url: str) -> None:
    read(url, f"select access.record('ada', '{PERSON}')", PEOPLE)
    assert read(url, "select viewed_by, person_id from access.person_view") == [("ada", PERSON)]


def test_a_view_without_a_name_is_not_recorded(url: str) -> None:
    for name, error in (("''", errors.CheckViolation), ("null", errors.NotNullViolation)):
        with pytest.raises(error):
            read(url, f"select access.record({name}, '{PERSON}')", PEOPLE)


def test_only_who_may_see_persons_records(url: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        read(url, f"select access.record('ada', '{PERSON}')", FIGURES)


def test_what_was_refused_is_counted_without_saying_whom(url: str) -> None:
    for statement in (RUNS, REJECTS, ROWS):
        read(url, statement)
    assert sorted(read(url, "select * from delivery.reject_counts", FIGURES), key=str) == [
        (1, "Lost", 1),
        (1, "VIP", 2),
        (2, None, 1),
    ]
    assert sorted(read(url, "select * from raw.reject_counts", FIGURES)) == [
        ("shop", "customers", 1),
        ("shop", "orders", 2),
    ]


def test_several_databases_of_a_server_prepare_at_once(no_roles: list[str]) -> None:
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda url: warehouse.prepare(url, []), no_roles)) == [None] * 4
    for url in no_roles:
        assert read(url, "select * from raw.pull", FIGURES) == []


def test_a_login_that_may_not_make_roles_prepares_without_them(no_roles: list[str]) -> None:
    url, word = no_roles[0], secrets.token_hex(8)
    database, login = url.rsplit("/", 1)[1], f"login_{secrets.token_hex(4)}"
    read(url, f"create role {login} login password '{word}'")
    read(url, f"grant create on database {database} to {login}")
    of_login = url.replace(url.split("//")[1].split("@")[0], f"{login}:{word}")
    try:
        for _ in range(2):
            warehouse.prepare(of_login, [])
        assert roles(url) == set()
        read(url, f"create role {FIGURES}; create role {PEOPLE}")
        warehouse.prepare(of_login, [])
        assert read(url, "select * from raw.pull", FIGURES) == []
    finally:
        read(url, f"drop owned by {login} cascade; drop role {login}")
