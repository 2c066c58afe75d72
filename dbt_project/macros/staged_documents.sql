{#
    How documents are staged: a row each, replaced when its document changes. `indexes` lists the columns of each index
    beside those of the key and of `loaded_at`; with a kind of shop, the model is built if such a shop is connected.
#}
{% macro staged_documents_config(key, shop_kind=none, indexes=[]) -%}
    {%- set all_indexes = [{"columns": [key], "unique": true}, {"columns": ["loaded_at"]}] -%}
    {%- for columns in indexes -%} {%- do all_indexes.append({"columns": columns}) -%} {%- endfor -%}
    {{
        config(
            enabled=shop_kind is none or is_connected(shop_kind),
            materialized="incremental",
            unique_key=key,
            incremental_strategy="delete+insert",
            on_schema_change="fail",
            indexes=all_indexes,
            post_hook="{{ record_filling_sql() }}",
        )
    }}
{%- endmacro %}

{#
    The documents that landed since an incremental staging model was built; all of them, if its SQL or what it reads of
    the marketer's file has changed since. Landing gives `loaded_at` in the order of its commits and never deletes a
    document, so nothing is below the watermark that was not seen.
#}
{% macro changed_documents(vendor, stream) -%}
    select documents.*
    from ({{ raw_documents(vendor, stream) }}) as documents
    {% if is_filled_by_same_sql() -%}
        where documents.loaded_at > (select coalesce(max(loaded_at), '-infinity') from {{ this }})
    {%- endif %}
{%- endmacro %}
