"""What Airflow finds in its plugins folder; an installed package is found by its entry point."""

from lifecycle_airflow.plugin import LifecyclePlugin

__all__ = ["LifecyclePlugin"]
