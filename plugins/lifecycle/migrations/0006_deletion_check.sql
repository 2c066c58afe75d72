alter table $raw.sweep rename to deletion_check;
alter table $raw.deletion_check rename column swept_at to checked_at;
alter table $raw.deletion_check rename constraint sweep_pkey to deletion_check_pkey;
