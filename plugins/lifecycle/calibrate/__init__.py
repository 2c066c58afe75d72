"""What is learnt from the purchases, on request: stage thresholds, scores' cut points, and models of the customers.

Reads ``marts.purchase_days`` and ``marts.persons`` up to a date, writes ``statistics``; dbt takes it from there.

- ``rules``           the rule sets' versions; declared before every night, frozen on request
- ``scores``          from which recency, frequency and value on a customer has which score
- ``purchases``       how often customers come and when they stay away: BG/NBD and MBG/NBD
- ``spending``        what they spend: Gamma-Gamma
- ``likelihood``      the maximum of a likelihood, or an error
- ``customer_model``  fits the last two to the warehouse's customers and stores them

Nothing is imported here: ``rules`` runs every night and needs none of what the models need.
"""
