"""Contract suites for connectors, ours and those of outside packages. Only tests import it: it needs pytest."""
