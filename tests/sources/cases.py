"""What no message and no log of a source may hold."""

#: Credentials, addresses, query strings.
PRIVATE = ("cs_demo", "SG.demo", "example.com", "?", "127.0.0.1")
