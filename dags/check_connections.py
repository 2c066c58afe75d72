"""Try every connection and every right, on request; `lifecycle_airflow.check_connections` has the whole text."""

from lifecycle_airflow import check_connections

dag = check_connections.build()
