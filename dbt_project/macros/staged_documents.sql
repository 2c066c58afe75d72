{#
    How documents are staged: a row each, replaced when its document changes. `indexes` lists the columns of each index
    beside those of the key and of `loaded_at`; with a kind of shop or provider, the model is built if one is connected. A
    column that is new is filled by reading all documents again, as after any change of the SQL.
#}
{% macro staged_documents_config(key, kind=none, indexes=[]) -%}
    {%- set all_indexes = [{"columns": [key], "unique": true}, {"columns": ["loaded_at"]}] -%}
    {%- for columns in indexes -%} {%- do all_indexes.append({"columns": columns}) -%} {%- endfor -%}
    {{
        config(
            enabled=kind is none or is_connected(kind),
            materialized="incremental",
            unique_key=key,
            incremental_strategy="delete+insert",
            on_schema_change="append_new_columns",
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
