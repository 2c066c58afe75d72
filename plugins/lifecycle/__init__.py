"""The rooms of Lifecycle, and what may import what.

::

    errors  ←  settings, web  ←  warehouse  ←  sources, destinations  ←  rooms  ←  lifecycle_airflow

- ``errors``        what can go wrong, and what to do about it
- ``settings``      the marketer's file and the environment, as one frozen value
- ``web``           the only HTTP code
- ``warehouse``     the only database code, and the schemas that are not dbt's
- ``sources``       one file per shop or e-mail provider to read
- ``destinations``  one file per e-mail provider to write
- ``extract``       rooms, in the order of a night; they meet in the warehouse and never import each other:
- ``transform``
- ``quality``
- ``plan``
- ``deliver``
- ``reconcile``
- ``publish``
- ``calibrate``     what is learnt from the purchases, on request: thresholds, scores, models of the customers

Nothing here imports Airflow: ``lifecycle_airflow`` resolves connections and hands them in.
"""
