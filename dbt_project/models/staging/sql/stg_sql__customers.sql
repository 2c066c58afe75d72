{{ staged_documents_config("customer_id", shop_kind="sql", indexes=[["shop", "loaded_at"]]) }}

{{ mapped_customers("sql") }}
