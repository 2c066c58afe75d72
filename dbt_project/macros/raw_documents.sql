{#
    The documents of one raw stream. A stream that was never landed (no such shop, a provider without a single
    bounce) is read as empty, so that the models hold for every configuration.
#}
{% macro raw_documents(vendor, stream) -%}
    {%- set documents = source(vendor, stream) -%}
    {%- if not execute or documents.is_cte or is_there(documents) -%}
        select id, source, doc, loaded_at, coalesce(is_deleted, false) as is_deleted
        from {{ documents }} as document
    {%- else -%}
        {%- do log(documents ~ " does not exist: read as empty", info=true) -%}
        select
            cast(null as text) as id,
            cast(null as text) as source,
            cast(null as jsonb) as doc,
            cast(null as timestamptz) as loaded_at,
            false as is_deleted
        where false
    {%- endif -%}
{%- endmacro %}
