-- Two roles without login that may read, where this login may make roles: lifecycle_figures what holds counts,
-- lifecycle_people what is about single persons. All databases of a server share them; dbt grants them the marts. Every
-- prepare runs this file, since the roles may come after the tables.
do $$
declare
    reader text;
    thing record;
begin
    foreach reader in array array['lifecycle_figures', 'lifecycle_people'] loop
        if not exists (select from pg_roles where rolname = reader) then
            begin
                execute format('create role %I nologin', reader);
            exception when duplicate_object or unique_violation or insufficient_privilege then
                null; -- another database has just made it, or only an administrator can
            end;
        end if;
    end loop;
    for thing in
        select rolname, split_part(name, '.', 1) as schema, name
        from (values
            ('lifecycle_figures', '$delivery.run'),
            ('lifecycle_figures', '$delivery.audience'),
            ('lifecycle_figures', '$delivery.reject_counts'),
            ('lifecycle_figures', '$delivery.reconciliation'),
            ('lifecycle_figures', '$delivery.doubt'),
            ('lifecycle_figures', '$raw.pull'),
            ('lifecycle_figures', '$raw.deletion_check'),
            ('lifecycle_figures', '$raw.reject_counts'),
            ('lifecycle_figures', '$quality.result'),
            ('lifecycle_people', '$delivery.audit')
        ) as readable (grantee, name)
        inner join pg_roles on rolname = grantee
        where not has_table_privilege(rolname, name, 'select')
    loop
        execute format('grant usage on schema %I to %I', thing.schema, thing.rolname);
        execute format('grant select on %s to %I', thing.name, thing.rolname);
    end loop;
    if exists (select from pg_roles where rolname = 'lifecycle_people') then
        grant usage on schema $access to lifecycle_people;
        grant execute on function $access.record to lifecycle_people;
    end if;
end $$;
