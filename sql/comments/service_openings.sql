comment on table service_openings is
'When and why the breaker of a service was open. Written by change_breaker, deleted by
delete_old_calls 90 days after the end.';
comment on column service_openings.id is 'Counts up.';
comment on column service_openings.service is 'The service (services.name).';
comment on column service_openings.opened_at is 'Schedule time.';
comment on column service_openings.opened_by is 'Who opened it. NULL: the engine.';
comment on column service_openings.reason is
'unanswered, throttled, denied, or the reason that a person gave.';
comment on column service_openings.error is 'The last failure before it opened.';
comment on column service_openings.ended_at is 'Schedule time at which it was no longer open.';
comment on column service_openings.ended_by is 'Who closed it. NULL: the engine.';
