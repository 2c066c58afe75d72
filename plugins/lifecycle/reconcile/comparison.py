"""One list as the provider holds it against the ledger, in a temporary table ``compared``, whatever its size."""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from lifecycle import warehouse
from lifecycle.destinations import RemoteContact
from lifecycle.settings import CONTACTABLE_FIELD, GREETING_COLUMNS, Contactable

READ_BACK = "create temporary table read_back (contact_id text, email text, fields jsonb) on commit drop"

#: A field without a value: absent, or as it is emptied where a type knows no null.
VALUE = """nullif(nullif(nullif(nullif({}, 'null'), '""'), '0'), '"1970-01-01"')"""

#: Providers cut texts: a reserved field at this length at the earliest, a field of ours at 1,000 characters.
SHORTEST_CUT = 50

# Who is not certain may be there or not. A number in a field that is a text there is the same in words. The ledger can
# hold a contact by a former form of its address besides the one of the present form, which is the one that counts.
COMPARED = """
create temporary table compared on commit drop as
with ours as (
    select person_id, $raw.normalized_email(email) as email, fields, run_id, is_certain,
        %(list_name)s = any(lists) as is_on_list
    from $delivery.ledger as kept
    where account_id = %(account)s and (email = $raw.normalized_email(email) or not exists (
        select from $delivery.ledger as present
        where present.account_id = kept.account_id and present.email = $raw.normalized_email(kept.email)))
),
remote as (
    select distinct on (email) * from read_back order by email, contact_id
),
both_sides as (
    select coalesce(ours.person_id, known.person_id) as person_id, email, contact_id, ours.fields as expected_fields,
        remote.fields as remote_fields, ours.run_id, ours.email is not null as is_in_ledger,
        coalesce(is_on_list, false) as is_on_list, coalesce(is_on_list and is_certain, false) as is_expected,
        coalesce(not is_certain, false) as is_doubted, remote.email is not null as is_there
    from (select * from ours where is_on_list or email in (select email from remote)) as ours
    full join remote using (email)
    left join ({persons}) as known using (email)
)
select *,
    case when is_there and is_in_ledger and expected_fields <> remote_fields then array(
        select key from jsonb_each(expected_fields || remote_fields) as both_fields
        where expected_fields -> key is distinct from remote_fields -> key and key <> all(%(greeting)s::text[])
            and expected_fields ->> key is distinct from remote_fields ->> key
            and not coalesce(length(remote_fields ->> key) >= {shortest_cut}
                and starts_with(expected_fields ->> key, remote_fields ->> key), false)
            and {expected} is distinct from {remote}
        order by key
    ) else '{{}}' end as differing,
    coalesce((select is_holdout from ({fields}) as wanted
        where wanted.person_id = both_sides.person_id and wanted.email = both_sides.email), true) as is_barred,
    exists (
        select from $marts.audience_members as wanted
        where wanted.person_id = both_sides.person_id and wanted.email = both_sides.email
            and wanted.list_name = %(list_name)s and not wanted.is_holdout) as is_wanted
from both_sides
"""

#: What else a contact holds is the marketer's own.
FIELDS_WRITTEN = """
select unnest(fields) from $delivery.run where account_id = %(account)s
union select field_name from $delivery.field where account_id = %(account)s
"""

#: Everybody whom the warehouse knows by an address, where that mart is there.
PERSONS = "select person_id, email from $marts.persons where email is not null"
NOBODY = "select null::uuid as person_id, null::text as email where false"

#: Who may be written to, and whether as one who is held out.
FIELDS = f"""
select person_id, email, fields ->> '{CONTACTABLE_FIELD}' is not distinct from '{Contactable.HELD_OUT}' as is_holdout
from $marts.contact_fields
"""  # noqa: S608 - constants


def compare(connection: warehouse.Connection, contacts: Iterable[RemoteContact], values: Mapping[str, Any]) -> None:
    """Make the table; ``values`` holds the ``account`` and the ``list_name``."""
    connection.execute("drop table if exists read_back, compared")
    connection.execute(READ_BACK)
    # what greets can be the provider's own, from its sign-up form: it is not compared
    ours = {name for (name,) in connection.execute(FIELDS_WRITTEN, values)} - {*GREETING_COLUMNS}
    with connection.cursor() as cursor, cursor.copy("copy read_back from stdin") as copy:
        for contact in contacts:
            fields = {name: value for name, value in contact.fields.items() if name in ours}
            copy.write_row([contact.contact_id, contact.email, Jsonb(fields)])
    has_persons = connection.execute("select to_regclass('$marts.persons') is not null").fetchone() == (True,)
    statement = COMPARED.format(
        persons=PERSONS if has_persons else NOBODY,
        fields=FIELDS,
        shortest_cut=SHORTEST_CUT,
        expected=VALUE.format("expected_fields -> key"),
        remote=VALUE.format("remote_fields -> key"),
    )
    connection.execute(statement.encode(), {**values, "greeting": list(GREETING_COLUMNS)})
