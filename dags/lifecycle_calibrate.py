"""Learn from the purchases, on request; `lifecycle_airflow.calibrate` has the whole text."""

from lifecycle_airflow import calibrate

dag = calibrate.build()
