{#
    The one shape of what shops have. It is asked for by name: a column that an upgrade gave to a table stands at its end.
#}
{% macro shop_columns(entity) -%}
    {{
        return(
            {
                "orders": [
                    "order_id",
                    "shop",
                    "customer_id",
                    "customer_number",
                    "lead_product_id",
                    "status",
                    "payment_method",
                    "is_draft",
                    "is_test",
                    "currency",
                    "billing_email",
                    "first_name",
                    "last_name",
                    "country",
                    "postcode",
                    "lead_product_name",
                    "total",
                    "refunded",
                    "has_unreadable_money",
                    "created_at",
                    "loaded_at",
                    "is_deleted",
                    "guest_identity_id",
                ],
                "customers": [
                    "customer_id",
                    "shop",
                    "customer_number",
                    "account_number",
                    "email",
                    "first_name",
                    "last_name",
                    "country",
                    "postcode",
                    "has_newsletter_consent",
                    "consent_said_at",
                    "created_at",
                    "loaded_at",
                    "is_deleted",
                    "identity_id",
                    "account_id",
                ],
                "products": [
                    "product_id",
                    "shop",
                    "product_name",
                    "category",
                    "loaded_at",
                    "is_deleted",
                ],
            }[entity]
        )
    }}
{%- endmacro %}
