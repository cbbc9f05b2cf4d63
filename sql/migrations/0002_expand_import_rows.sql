-- Imports by file remember the line that wrote an account, the name under which a row gave its id,
-- and what the values of their rows look like.
alter table accounts add column last_import_row bigint;
alter table import_staging add column id_field text not null default 'accountId';
alter table import_rejects add column id_field text not null default 'accountId';
alter table imports add column observed jsonb not null default '{}';
