{{ staged_documents_config("customer_id", shop_kind="files", indexes=[["shop", "loaded_at"]]) }}

{{ mapped_customers("files") }}
