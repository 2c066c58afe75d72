{#
    A stable surrogate key: the name-based UUIDv8 with SHA-256 of RFC 9562, appendix B.2.
    The first 128 bits of sha256(namespace || name), with the version nibble 8 and the variant bits 10.
    Changing the namespace changes every person_id: never do.
#}
{% macro name_based_uuid(name) -%}
    {{ return(adapter.dispatch("name_based_uuid", "lifecycle")(name, "6f1c2b7e4d0a4c58a3de5b9f71c08e24")) }}
{%- endmacro %}

{% macro postgres__name_based_uuid(name, namespace) -%}
    (
        select
            cast(
                encode(
                    set_byte(
                        set_byte(digest.bytes, 6, get_byte(digest.bytes, 6) & 15 | 128),
                        8,
                        get_byte(digest.bytes, 8) & 63 | 128
                    ),
                    'hex'
                ) as uuid
            )
        from
            (
                select
                    substring(
                        sha256(decode('{{ namespace }}', 'hex') || convert_to({{ name }}, 'UTF8'))
                        from 1 for 16
                    ) as bytes
            ) as digest
    )
{%- endmacro %}
