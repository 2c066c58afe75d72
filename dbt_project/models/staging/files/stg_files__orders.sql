{{ staged_documents_config("order_id", kind="files", indexes=[["shop", "loaded_at"], ["customer_id"]]) }}

{{ mapped_orders("files") }}
