"""Lifecycle in Airflow: a factory for each DAG, and the plugin. Nothing else imports Airflow.

A file in a team's own dags folder makes a DAG of its own, under any name and with any connections::

    from lifecycle_airflow import nightly

    dag = nightly.build()

- ``nightly``            the whole night
- ``detect_deletions``   what has vanished at the sources
- ``check_connections``  every connection, every right
- ``calibrate``          what is learnt from the purchases
- ``plugin``             the marketer's page in Airflow's navigation
- ``context``            what they share: connections, the date of a run, and when to try again
- ``dbt_tasks``          the models as tasks of their own
- ``catalogue``          writes docs/dags.md from the factories

The marketer's file is read when a factory is called, never on import.
"""
