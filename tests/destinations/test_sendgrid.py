"""What only SendGrid has: the file of refused rows, whose columns are not documented."""

import pytest

from demo.esp.jobs import keep_file
from lifecycle.destinations import sendgrid
from tests.world import World


@pytest.mark.parametrize(
    "text",
    [
        "email,error\nADA@example.com,no such mailbox\n",
        "\ufeffEmail Address,Reason\r\nada@example.com,no such mailbox\r\n",
        "row,message,email\n7,no such mailbox,ada@example.com\n",
        "contact,first_name,why\nada@example.com,Ada,no such mailbox\n\nragged\n",
        'email,error_message\nada@example.com," no such mailbox "\n',
    ],
)
def test_address_and_message_are_found_in_any_order_of_columns(world: World, text: str) -> None:
    path = keep_file(world.esp.store, "errors.csv", text.encode())
    assert sendgrid._rejected_rows(world.address + path) == [("ada@example.com", "no such mailbox")]


def test_a_file_that_is_no_text_names_nobody(world: World) -> None:
    path = keep_file(world.esp.store, "errors.csv", b"\xff\xfe\x00email")
    assert sendgrid._rejected_rows(world.address + path) == []
