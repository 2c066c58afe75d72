"""The modules of Lifecycle, and what may import what.

::

    errors ← connectors ← settings, web ← warehouse ← sources ← destinations ← modules ← lifecycle_airflow

- ``errors``        what can go wrong, and what to do about it
- ``connectors``    which kinds of source and destination there are, and where each is declared
- ``settings``      the marketer's file and the environment, as one frozen value
- ``web``           the only HTTP code
- ``warehouse``     the only database code, and the schemas that are not dbt's
- ``sources``       one package per kind of shop or e-mail provider to read
- ``destinations``  one package per kind of provider to write
- ``extract``       modules, in the order of a night; they meet in the warehouse and never import each other:
- ``transform``
- ``quality``
- ``plan``
- ``deliver``
- ``reconcile``
- ``publish``
- ``calibrate``     what is learnt from the purchases, on request: thresholds, scores, models of the customers
- ``testing``       contract suites for connectors, which only tests import

Nothing here imports Airflow: ``lifecycle_airflow`` resolves connections and hands them in.
"""
