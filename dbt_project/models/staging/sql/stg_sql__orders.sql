{{
    config(
        enabled=is_connected("sql"),
        materialized="incremental",
        unique_key="order_id",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        indexes=[
            {"columns": ["order_id"], "unique": true},
            {"columns": ["loaded_at"]},
            {"columns": ["shop", "loaded_at"]},
            {"columns": ["customer_id"]},
        ],
    )
}}

{{ mapped_orders("sql") }}
