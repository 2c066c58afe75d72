{{
    config(
        enabled=is_connected("files"),
        materialized="table",
    )
}}

{{ mapped_products("files") }}
