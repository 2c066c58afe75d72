"""The lifecycle of every customer, every night; `lifecycle_airflow.nightly` has the whole text."""

from lifecycle_airflow import nightly

dag = nightly.build()
