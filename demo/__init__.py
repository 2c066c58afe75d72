"""The demo: servers to try Lifecycle out on, a real year of data for them, and the nights that run on it."""
