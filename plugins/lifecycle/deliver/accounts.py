"""Which account of a provider a connection opens, and whether what the ledger says of it can still hold.

An account is recognised by what the provider says of it, or where a key may not ask, by the lists that we know there.
Its lists and fields are known by their ids: one that vanished, or was made again under its old name, holds nobody.
"""

from collections.abc import Mapping

from lifecycle import warehouse
from lifecycle.destinations import Account, DescribesAccount, Destination
from lifecycle.errors import GuardTripped

KNOWN = """
select account_id, identity, is_current,
    (select coalesce(jsonb_object_agg(list_name, provider_id), '{}') from $delivery.list
    where list.account_id = account.account_id) as lists,
    array(select distinct unnest(lists) from $delivery.ledger where ledger.account_id = account.account_id) as filled
from $delivery.account where destination = %s order by is_current desc, account_id desc
"""

#: Nobody is on a list that is gone; whoever is still wanted on it keeps the membership, and is no new contact.
FORGET_LIST = """
with forgotten as (
    update $delivery.ledger set lists = array_remove(lists, %(name)s)
    where account_id = %(account)s and %(name)s = any(lists) returning person_id
),
ended as (
    update $delivery.membership set left_on = coalesce(run.run_date, entered_on), left_run = run.run_id
    from forgotten, (select max(run_id) as run_id from $delivery.run where account_id = %(account)s) as last
        join $delivery.run using (run_id)
    where membership.account_id = %(account)s and membership.person_id = forgotten.person_id
        and list_name = %(name)s and left_run is null
        and not exists (
            select from $marts.audience_members as wanted
            where wanted.person_id = forgotten.person_id and wanted.list_name = %(name)s and not wanted.is_holdout)
),
unknown as (delete from $delivery.list where account_id = %(account)s and list_name = %(name)s)
select count(*) from forgotten
"""

FORGET_FIELD = """
with forgotten as (
    update $delivery.ledger set fields = fields - %(name)s
    where account_id = %(account)s and fields ? %(name)s returning person_id
),
unknown as (delete from $delivery.field where account_id = %(account)s and field_name = %(name)s)
select count(*) from forgotten
"""

#: Nothing is certain any more: the next plan writes everybody whole, and empties whatever else we may have written.
DOUBT_EVERYBODY = """
with doubted as (
    update $delivery.ledger set is_certain = false,
        fields = (
            select coalesce(jsonb_object_agg(key, null::text), '{}') from (
                select jsonb_object_keys(fields) union
                select field_name from $delivery.field where field.account_id = ledger.account_id
            ) as known (key))
    where is_certain returning account_id
)
select account_id, (select count(*) from doubted where doubted.account_id = account.account_id)
from $delivery.account order by account_id
"""

INSTALLATION = """
select case when has_function_privilege('pg_control_system()', 'execute')
        then (select system_identifier::text from pg_control_system()) end,
    (select oid from pg_database where datname = current_database()), '$delivery.ledger'::regclass::oid
"""


def meet(connection: warehouse.Connection, destination: Destination) -> tuple[int, Account | None]:
    """The account that the connection opens, which is the current one from now on, and what it holds."""
    described = destination.account() if isinstance(destination, DescribesAccount) else None
    before = warehouse.current_account(connection, destination.name)
    account_id = before if described is None else _recognised(connection, destination.name, described)
    with connection.transaction():
        connection.execute(
            "update $delivery.account set is_current = false where destination = %s and account_id <> %s",
            [destination.name, account_id],
        )
        connection.execute(
            "update $delivery.account set is_current = true, identity = coalesce(%s, identity) where account_id = %s",
            [described.identity if described else None, account_id],
        )
        if account_id != before:
            row = connection.execute("select count(*) from $delivery.ledger where account_id = %s", [before]).fetchone()
            warehouse.record_doubt(connection, account_id, "new account", None, int(row[0]) if row else 0)
    return account_id, described


def _recognised(connection: warehouse.Connection, destination: str, there: Account) -> int:
    known = connection.execute(KNOWN, [destination]).fetchall()
    ids, names = {(each.id, each.name) for each in there.lists}, {each.name for each in there.lists}
    for account_id, identity, *_ in known:
        if identity is not None and identity == there.identity:
            return int(account_id)
    # a key may ask who it is, or no longer: then the lists tell, and before there are any, nothing speaks against it
    unnamed = [row for row in known if row[1] is None or there.identity is None]
    for account_id, _, _, lists, _ in unnamed:
        if any((key, name) in ids for name, key in lists.items()):
            return int(account_id)
    for account_id, _, is_current, lists, filled in unnamed:
        if is_current and not lists and (not filled or names & {*filled}):
            return int(account_id)
    return warehouse.new_account(connection, destination, there.identity)


def doubt_what_is_gone(connection: warehouse.Connection, account_id: int, there: Account | None) -> None:
    """Forget what was confirmed of lists and fields that the account no longer has, and doubt a restored warehouse."""
    _doubt_restored(connection)
    if there is None:
        return
    # by their ids alone: what a field is called there is the destination's business
    list_ids, field_ids = {each.id for each in there.lists}, {*there.fields.values()}
    for name, key in _ids(connection, "list", account_id).items():
        if key not in list_ids:
            _forget(connection, account_id, FORGET_LIST, "list deleted", name)
    for name, key in _ids(connection, "field", account_id).items():
        if key not in field_ids:
            _forget(connection, account_id, FORGET_FIELD, "field deleted", name)


def _forget(connection: warehouse.Connection, account_id: int, statement: str, reason: str, name: str) -> None:
    with connection.transaction():
        row = connection.execute(statement, {"account": account_id, "name": name}).fetchone()
        # what was refused for its sake may be taken now
        connection.execute("delete from $delivery.reject where account_id = %s", [account_id])
        warehouse.record_doubt(connection, account_id, reason, name, int(row[0]) if row else 0)


def _doubt_restored(connection: warehouse.Connection) -> None:
    """A backup doesn't know what was sent after it: another server, database or table than the last night's."""
    now = connection.execute(INSTALLATION).fetchone()
    known = connection.execute("table $delivery.installation").fetchone()
    if known == now:
        return
    with connection.transaction():
        connection.execute("delete from $delivery.installation")
        connection.execute("insert into $delivery.installation values (%s, %s, %s)", now or [])
        if known is None:
            return
        for account_id, doubted in connection.execute(DOUBT_EVERYBODY).fetchall():
            warehouse.record_doubt(connection, account_id, "warehouse restored", None, doubted)


def known_lists(connection: warehouse.Connection, destination: str) -> dict[str, str]:
    """Our list name → its id in the current account, also where somebody has renamed it there."""
    return _ids(connection, "list", warehouse.current_account(connection, destination))


def note(
    connection: warehouse.Connection, account_id: int, lists: Mapping[str, str], fields: Mapping[str, str]
) -> None:
    """Keep the ids of lists and fields that are about to be written.

    Raises ``GuardTripped`` if a list of ours is another one now: the plan doesn't know that it is empty.
    """
    known = _ids(connection, "list", account_id)
    if remade := [name for name, key in lists.items() if known.get(name, key) != key]:
        message = f"since the plan these lists were deleted and made anew: {', '.join(remade)}; plan again"
        raise GuardTripped(message)
    for table, ids in (("list", lists), ("field", fields)):
        connection.execute(
            f"insert into $delivery.{table} select %s, name, key from unnest(%s::text[], %s::text[]) as ids (name, key)"  # noqa: S608
            f" on conflict (account_id, {table}_name) do update set provider_id = excluded.provider_id",
            [account_id, list(ids), list(ids.values())],
        )


def _ids(connection: warehouse.Connection, table: str, account_id: int) -> dict[str, str]:
    rows = connection.execute(
        f"select {table}_name, provider_id from $delivery.{table} where account_id = %s order by 1",  # noqa: S608
        [account_id],
    )
    return dict(rows.fetchall())
