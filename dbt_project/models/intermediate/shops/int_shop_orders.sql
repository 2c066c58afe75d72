{{ config(materialized="view") }} {{ of_every_shop("orders") }}
