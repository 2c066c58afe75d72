"""Nights with everything that goes wrong: ``python -m demo.chaos --seeds 200`` (``make chaos SEEDS=200``).

Each seed simulates a shop and an e-mail provider (the demo's servers), a warehouse, four days of trouble and then quiet
ones. Before each night people buy, unsubscribe, withdraw and bounce, and some are held out. In it the servers refuse,
hang, cut answers off, lose or delay jobs, refuse rows and shift their pages; somebody deletes or renames lists, fields
and contacts, or moves people by hand; the process is killed, PostgreSQL is restarted, or its disk is full; two nights
run at once, plans wait for an approval, and another key opens another account. Warehouse and provider are taken back to
what they were days before. Then all of that stops, and after three nights the invariants must hold.

| module | holds |
|---|---|
| `night` | one night, in a process of its own: the steps of the DAG |
| `seed` | the days of one seed, and what happens to each night |
| `simulation`, `trouble` | the people, servers and warehouse; what goes wrong with them |
| `server` | the PostgreSQL that is restarted, and its backup |
| `watch` | what the provider is asked to write, and calls at which something happens |
| `invariants` | what must hold in the end |

In every fourth seed the night begins with the extract, from the servers; in the others documents are put into ``raw``
as they are. In place of dbt, whose builds are killed in the tests of the night, statements make the marts from ``raw``:
everybody belongs where the shop's customer account says, unless they may not be written to. ``CHAOS_VERBOSE=1`` shows
what ends each night.
"""
