{{ config(materialized="view") }} {{ of_every_provider("campaigns") }}
