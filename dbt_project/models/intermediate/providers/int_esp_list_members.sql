{{ config(materialized="view") }} {{ of_every_provider("list_members") }}
