{{ staged_documents_config("customer_id", kind="sql", indexes=[["shop", "loaded_at"]]) }}

{{ mapped_customers("sql") }}
