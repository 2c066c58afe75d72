{#
    Grants a role select on the relation at hand, where the role exists: lifecycle_figures what is tagged figures,
    lifecycle_people what is tagged people. For a post-hook, within the transaction that replaces the relation.
#}
{% macro grant_select() -%}
    {%- for tag in ["figures", "people"] if tag in config.get("tags", []) -%}
        {{ adapter.dispatch("grant_select_to", "lifecycle")("lifecycle_" ~ tag) }}
    {%- endfor -%}
{%- endmacro %}

{% macro default__grant_select_to(role) -%} {%- endmacro %}

{# One at a time opens a schema: PostgreSQL does not change one in two transactions at once. #}
{% macro postgres__grant_select_to(role) -%}
    do $$
    begin
        if exists (select from pg_roles where rolname = '{{ role }}') then
            if not has_schema_privilege('{{ role }}', '{{ this.schema }}', 'usage') then
                perform pg_advisory_xact_lock(hashtext('lifecycle:grant_select'));
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
