{{
    config(
        enabled=is_connected("sql"),
        materialized="incremental",
        unique_key="customer_id",
        incremental_strategy="delete+insert",
        on_schema_change="fail",
        indexes=[
            {"columns": ["customer_id"], "unique": true},
            {"columns": ["loaded_at"]},
            {"columns": ["shop", "loaded_at"]},
        ],
    )
}}

{{ mapped_customers("sql") }}
