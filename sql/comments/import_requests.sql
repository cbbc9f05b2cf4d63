comment on table import_requests is
'Import requests of the last 24 hours by Idempotency-Key, so that a request that comes again gets
the same response. Deleted by delete_old_requests.';
comment on column import_requests.principal is 'Who sent the request. A key is its own.';
comment on column import_requests.key is 'The Idempotency-Key.';
comment on column import_requests.salt is 'The salt of the digest.';
comment on column import_requests.digest is
'scrypt of the body: the body holds credentials and is not stored.';
comment on column import_requests.response is 'What the response is made of: {request, imported}.';
comment on column import_requests.created_at is 'Wall time.';
