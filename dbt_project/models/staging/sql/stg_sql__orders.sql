{{ staged_documents_config("order_id", kind="sql", indexes=[["shop", "loaded_at"], ["customer_id"]]) }}

{{ mapped_orders("sql") }}
