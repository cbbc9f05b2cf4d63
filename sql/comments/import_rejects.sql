comment on table import_rejects is
'Rows of imports that were rejected, or stored without their workflow: at most the first 10,000 of
an import. They hold no value of a row but the account id. Deleted together with the import.';
comment on column import_rejects.import_id is 'The import.';
comment on column import_rejects.row_number is 'The line of the file on which the row begins.';
comment on column import_rejects.flamebot_id is 'The account, if the row named a valid one.';
comment on column import_rejects.id_field is
'The name under which the row gave its id: accountId or flamebotId.';
comment on column import_rejects.code is 'Why, as a code.';
comment on column import_rejects.errors is 'Where and why: [{pointer, detail}].';
