"""Nights with everything that goes wrong: ``python -m demo.chaos --seeds 200`` (``make chaos SEEDS=200``).

Each seed simulates a shop and an e-mail provider (the demo's servers), a warehouse, and three nights. Before
each night people buy, unsubscribe and bounce; in it the servers refuse, hang, cut answers off, lose jobs and shift
their pages, and the process that does the night is killed with SIGKILL at random points. Then the faults stop, and
the night is tried until it ends well. Now the provider must hold exactly what the warehouse says.

In every fourth seed the night begins with the extract, from the servers; in the others documents are put into ``raw``
as they are. In place of dbt, whose builds are killed in the tests of the night, a statement makes the marts from
``raw``: everybody belongs where the shop's customer account says, unless the provider suppresses the address.
"""
