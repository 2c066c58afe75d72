{#
    Lets a role read the relation at hand, where the role exists: lifecycle_figures what is tagged figures,
    lifecycle_people what is tagged people. For a post-hook, within the transaction that replaces the relation.
#}
{% macro let_read() -%}
    {%- for tag in ["figures", "people"] if tag in config.get("tags", []) -%}
        {{ adapter.dispatch("let_read_by", "lifecycle")("lifecycle_" ~ tag) }}
    {%- endfor -%}
{%- endmacro %}

{% macro default__let_read_by(role) -%} {%- endmacro %}

{# One at a time opens a schema: PostgreSQL does not change one in two transactions at once. #}
{% macro postgres__let_read_by(role) -%}
    do $$
    begin
        if exists (select from pg_roles where rolname = '{{ role }}') then
            if not has_schema_privilege('{{ role }}', '{{ this.schema }}', 'usage') then
                perform pg_advisory_xact_lock(hashtext('lifecycle:let_read'));
                if not has_schema_privilege('{{ role }}', '{{ this.schema }}', 'usage') then
                    grant usage on schema {{ adapter.quote(this.schema) }} to {{ role }};
                end if;
            end if;
            if not has_table_privilege('{{ role }}', '{{ this }}', 'select') then
                grant select on {{ this }} to {{ role }};
            end if;
        end if;
    end $$
{%- endmacro %}
