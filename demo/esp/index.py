"""What search, export and counts see: what is there, or for a while after a job what was there before it.

While the account's rules ask for it, the contacts and memberships as they were are kept in tables of their own, whose
names begin with `seen_`, until they have been looked at often enough.
"""

from demo.esp.rules import Rules
from demo.esp.store import Store

TABLES = ("contact", "membership")


def fall_behind(store: Store, rules: Rules) -> None:
    """Keep what is there, before a job changes it; what is kept already stays, for as many looks again."""
    if not rules.looks_until_found:
        return
    if not store.value("select looks from stale"):
        for table in TABLES:
            store.run(f"drop table if exists seen_{table}")
            store.run(f"create table seen_{table} as select * from {table}")  # noqa: S608 - names are ours
    store.run("delete from stale")
    store.run("insert into stale values (?)", (rules.looks_until_found,))


def look(store: Store) -> str:
    """Look once; return how the names of the tables begin that are seen."""
    if not store.value("select looks from stale"):
        return ""
    store.run("update stale set looks = looks - 1")
    return "seen_"
