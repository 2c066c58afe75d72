{#
    A hash of the SQL that a model's rows come from: its own, that of every model upstream and of every macro that these
    call. Comments and white space don't count, and neither do dbt's own macros. `graph` keeps it for the run.
#}
{% macro sql_hash(model_name) -%}
    {%- if not execute -%} {{ return("") }} {%- endif -%}
    {%- set hashes = graph.setdefault("lifecycle_sql_hashes", {}) -%}
    {%- if model_name not in hashes -%}
        {%- do hashes.update({model_name: local_md5(tojson(sql_texts(model_name), sort_keys=true))}) -%}
    {%- endif -%}
    {{ return(hashes[model_name]) }}
{%- endmacro %}

{#
    Id of a model or macro → its SQL as it is compared, for all that `sql_hash` covers. Macros are looked for by name in
    the text: dbt lists only those that it met while parsing, which takes one branch of each `if`.
#}
{% macro sql_texts(model_name) -%}
    {%- set quoted = "'(?:[^']|'')*'|\"[^\"]*\"" -%}
    {%- set comment = "[{]#[\\s\\S]*?#[}]|--[^\\n]*|/\\*[\\s\\S]*?\\*/" -%}
    {%- set own_macros = context["lifecycle"] -%}
    {%- set texts, queue = {}, ["model.lifecycle." ~ model_name] -%}
    {%- for unique_id in queue if unique_id not in texts -%}
        {%- set kind, package, name = unique_id.split(".")[:3] -%}
        {%- if kind == "model" -%}
            {%- set node = graph.nodes[unique_id] -%}
            {%- set text = node.raw_code -%}
            {%- for parent in node.depends_on.nodes if parent.startswith("model.") -%}
                {%- do queue.append(parent) -%}
            {%- endfor -%}
            {%- set called = ["get_incremental_" ~ node.config.incremental_strategy ~ "_sql"] -%}
        {%- else -%} {%- set text, called = own_macros[name].macro.macro_sql, [] -%}
        {%- endif -%}
        {%- set code = modules.re.sub("(" ~ quoted ~ ")|" ~ comment, "\\g<1> ", text) -%}
        {%- do called.extend(modules.re.findall("(\\w+)\\s*\\(", code)) -%}
        {%- for dispatched in modules.re.findall("dispatch\\(\\s*\\W(\\w+)", code) -%}
            {%- for name in own_macros if name.endswith("__" ~ dispatched) -%}
                {%- do called.append(name) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for name in called if name in own_macros -%}
            {%- do queue.append("macro.lifecycle." ~ name) -%}
        {%- endfor -%}
        {#- words and signs alone: it makes no difference what white space lies between them -#}
        {%- set words = modules.re.findall(quoted ~ "|\\w+|[^\\w\\s]", code) -%}
        {%- do texts.update({unique_id: words | join(" ")}) -%}
    {%- endfor -%}
    {{ return(texts) }}
{%- endmacro %}

{#
    A table that keeps its rows from night to night keeps in its comment what they were made by: a hash of the SQL and, if
    the model reads them, of the marketer's shops. So a build that was killed, or a step back, is known for what it is.
#}
{% macro filling_hash() -%}
    {%- set inputs = [sql_hash(model.name)] -%}
    {%- if "model.lifecycle.stg_settings__" in model.depends_on.nodes | join(" ") -%}
        {%- do inputs.append(tojson(settings()["shops"], sort_keys=true)) -%}
    {%- endif -%}
    {{ return(local_md5(inputs | join)) }}
{%- endmacro %}

{# Was the incremental table at hand filled by what stands here now? #}
{% macro is_filled_by_same_sql() -%}
    {{ return(is_incremental() and table_comment(this) == filling_hash()) }}
{%- endmacro %}

{# For a post-hook, within the transaction that fills the table. #}
{% macro record_filling_sql() -%} comment on table {{ this }} is '{{ filling_hash() }}' {%- endmacro %}

{# The comment of a table, or none. #}
{% macro table_comment(relation) -%}
    {{ return(adapter.dispatch("table_comment", "lifecycle")(relation)) }}
{%- endmacro %}

{% macro postgres__table_comment(relation) -%}
    {%- set comment = "obj_description('" ~ relation ~ "'::regclass, 'pg_class')" -%}
    {{ return(run_query("select " ~ comment).columns[0].values()[0]) }}
{%- endmacro %}
