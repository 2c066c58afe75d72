{{
    config(
        enabled=is_connected("sql"),
        materialized="table",
    )
}}

{{ mapped_products("sql") }}
