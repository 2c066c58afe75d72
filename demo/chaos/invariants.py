"""What must hold once the faults have stopped, whatever has happened before."""

from collections.abc import Iterator
from typing import Any

from demo.chaos.night import AUDIENCES
from demo.chaos.simulation import BY_HAND, FOREIGN, Person, Simulation
from demo.chaos.watch import STAGE
from lifecycle.destinations import values
from lifecycle.settings import CONTACTABLE_FIELD, Contactable


def differences(simulation: Simulation) -> list[str]:
    """What the provider or the ledger holds otherwise than the warehouse says, by list and address."""
    return [*_lists(simulation), *_fields(simulation), *_ledger(simulation), *_raw(simulation)]


def findable(simulation: Simulation) -> list[str]:
    """Whom a segment on the stage finds although they may not be written to, or are held out."""
    barred = simulation.refused() | {email for email, person in simulation.people.items() if person.is_held_out}
    return [
        f"{email}: found by their stage"
        for email, contact in simulation.esp.contacts().items()
        if email in barred and contact["custom_fields"].get("lifecycle_stage")
    ]


def foreign(simulation: Simulation) -> list[str]:
    """Memberships of others that are not as these have left them."""
    touched = simulation.esp.members(FOREIGN) ^ simulation.others[FOREIGN]
    touched_ours = {
        f"{email} on {name}"
        for name, emails in simulation.others.items()
        if name != FOREIGN
        for email in emails - simulation.esp.members(simulation.names[name])
    }
    changed = {f"{email}: fields" for email in BY_HAND if simulation.esp.contacts().get(email, {}).get("custom_fields")}
    return [f"{what}: not ours, and touched" for what in sorted(touched | touched_ours | changed)]


def wanted_fields(person: Person) -> dict[str, Any]:
    """What a contact says of somebody who may be written to."""
    if person.is_held_out:
        return {CONTACTABLE_FIELD: Contactable.HELD_OUT}
    stage = f"{STAGE}{(person.points or 0) % 3}"
    fields = {"lifecycle_orders": person.points, "lifecycle_stage": stage, CONTACTABLE_FIELD: Contactable.YES}
    return values.without_empty(fields)


def wanted_members(simulation: Simulation, name: str) -> set[str]:
    """Who belongs on one of our lists."""
    refused = simulation.refused()
    return {
        email
        for email, person in simulation.people.items()
        if email not in refused and not person.is_held_out
        if any(AUDIENCES[audience] == name for audience in person.audiences if audience in simulation.audiences)
    }


def _lists(simulation: Simulation) -> Iterator[str]:
    refused = simulation.refused()
    for name, there in simulation.names.items():
        members, wanted = simulation.esp.members(there), wanted_members(simulation, name)
        may_stay = simulation.others.get(name, set()) | {
            email
            for on, email in simulation.put_by_hand
            if on == name and email not in refused and not simulation.people[email].is_held_out
        }
        yield from (f"{email}: on {name}" for email in sorted(members - wanted - may_stay))
        yield from (f"{email}: not on {name}" for email in sorted(wanted - members))


def _fields(simulation: Simulation) -> Iterator[str]:
    contacts = simulation.esp.contacts()
    members = {email for name in simulation.names for email in wanted_members(simulation, name)}
    for email in sorted(members & contacts.keys()):
        held = values.without_empty(contacts[email]["custom_fields"])
        if held != wanted_fields(simulation.people[email]):
            yield f"{email}: other fields {held}, not {wanted_fields(simulation.people[email])}"


def _ledger(simulation: Simulation) -> Iterator[str]:
    current = "select account_id from delivery.account where is_current"
    ledger = simulation.query(
        f"select email, lists, is_certain from delivery.ledger where account_id = ({current})"  # noqa: S608 - ours
    )
    there = {name: simulation.esp.members(simulation.names[name]) for name in simulation.names}
    for email, lists, is_certain in ledger:
        held = {name for name, members in there.items() if email in members}
        by_hand = {name for name, on in simulation.put_by_hand if on == email}
        # who may not be written to and isn't known there stays in doubt until they have been absent for days
        if not is_certain and any(email in wanted_members(simulation, name) for name in simulation.names):
            yield f"{email}: uncertain"
        if not {*lists} <= held or held - by_hand - {*lists}:
            yield f"{email}: the ledger has {sorted(lists)}, the provider {sorted(held)}"


def _raw(simulation: Simulation) -> Iterator[str]:
    if not simulation.is_extracted:
        return
    columns = "lower(doc ->> 'email'), doc ->> 'audiences', (doc ->> 'points')::int"
    rows = simulation.query(f"select {columns} from raw.woocommerce__customers")  # noqa: S608
    raw = {email: (audiences.split(",") if audiences else [], points) for email, audiences, points in rows}
    for email, person in simulation.people.items():
        if raw.get(email) != (person.audiences, person.points):
            yield f"{email}: not as in the shop"
