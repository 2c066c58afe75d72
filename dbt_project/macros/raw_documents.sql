{#
    The documents of one raw stream. A stream that was never landed (no such shop, an ESP without a single
    bounce) is read as empty, so that the models hold for every configuration.
#}
{% macro raw_documents(vendor, stream) -%}
    {%- set documents = source(vendor, stream) -%}
    {%- if not execute or documents.is_cte or load_relation(documents) is not none -%}
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

{#
    The documents that an incremental staging model does not hold in this version. Compared one by one, not by
    a watermark of loaded_at: a row that is committed late would stay below it for ever.
#}
{% macro changed_documents(vendor, stream, key) -%}
    select documents.*
    from ({{ raw_documents(vendor, stream) }}) as documents
    {% if is_incremental() -%}
        where
            not exists (
                select 1
                from {{ this }} as staged
                where
                    staged.{{ key }} = documents.id
                    and staged.loaded_at is not distinct from documents.loaded_at
                    and staged.is_deleted = documents.is_deleted
            )
    {%- endif %}
{%- endmacro %}

{# What left raw altogether (an erased person) leaves an incremental staging model, too. For a post-hook. #}
{% macro forget_missing_documents(vendor, stream, key) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as staged
        where
            not exists (
                select 1
                from ({{ raw_documents(vendor, stream) }}) as documents
                where documents.id = staged.{{ key }}
            )
    {%- endif -%}
{%- endmacro %}
