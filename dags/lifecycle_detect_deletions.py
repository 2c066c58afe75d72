"""Look for what has been deleted at the sources; `lifecycle_airflow.detect_deletions` has the whole text."""

from lifecycle_airflow import detect_deletions

dag = detect_deletions.build()
