comment on table service_calls is
'How the calls of tasks to the services ended, counted per five seconds of schedule time. Written by
record_calls. Unlogged. Deleted by delete_old_calls after an hour.';
comment on column service_calls.service is 'The service (services.name).';
comment on column service_calls.since is 'Schedule time at which the five seconds begin.';
comment on column service_calls.part is
'The counts of one moment stand in up to 16 rows, so that commits do not wait for each other.';
comment on column service_calls.answered is 'Calls that the service answered.';
comment on column service_calls.refused is 'Calls that the service refused for what they ask.';
comment on column service_calls.throttled is 'Calls that were too many for the service (429).';
comment on column service_calls.denied is 'Calls whose token the service did not accept.';
comment on column service_calls.unknown is
'Calls without a response that says what happened: connection error, timeout or 5xx.';
comment on column service_calls.stubborn_blocked is
'Of the throttled and denied ones, those of tasks that had been deferred twice before: they do not
open the breaker for others.';
comment on column service_calls.stubborn_unknown is
'Of the unknown ones, those of tasks that had been deferred twice before.';
