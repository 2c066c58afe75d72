-- dbt never makes this table again: only it knows when a message was first seen. There is none before the first night.
do $rename$
begin
    if exists (
        select from pg_attribute
        where attrelid = to_regclass('$intermediate.int_delivered_messages') and attname = 'single_send_id'
    ) then
        alter table $intermediate.int_delivered_messages rename column single_send_id to campaign_id;
        alter table $intermediate.int_delivered_messages rename column single_send_name to campaign_name;
    end if;
end
$rename$;
