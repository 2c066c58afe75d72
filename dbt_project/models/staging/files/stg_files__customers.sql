{{ staged_documents_config("customer_id", kind="files", indexes=[["shop", "loaded_at"]]) }}

{{ mapped_customers("files") }}
