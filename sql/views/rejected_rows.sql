-- Rows of imports that were rejected, or stored without their workflow: where and why.
create view rejected_rows as
select r.import_id,
       r.row_number as row,
       r.flamebot_id as account_id,
       r.id_field,
       r.code,
       r.errors
  from import_rejects r;
