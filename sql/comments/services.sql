comment on table services is
'The services that steps call, with a circuit breaker for each. Two rows, written by record_calls
and claim_for_services, and by people through open_service and close_service. begin_tasks and
commit_tasks read them without a lock.';
comment on column services.name is 'actions_service or ai_service.';
comment on column services.state is
'The state of the breaker. closed: tasks begin as they fall due. open: the service does not respond,
and one task begins every probe_seconds. half_open: a probe was answered, and tasks begin at a
growing rate.';
comment on column services.generation is
'Grows with every change of state. A slot counts only under the generation that gave it.';
comment on column services.changed_at is 'Schedule time of the last change of state.';
comment on column services.reason is
'Why it is open: unanswered, throttled, denied, or the reason that a person gave.';
comment on column services.changed_by is 'Who changed the state. NULL: the engine.';
comment on column services.is_manual is
'Whether a person opened it. Then it makes no probes, and a person closes it.';
comment on column services.slots_per_second is
'How many tasks may begin in a second of schedule time. NULL: as many as are due.';
comment on column services.grows_at is
'Schedule time from which on the rate doubles every ten seconds. NULL: it stays.';
comment on column services.next_slot_at is 'Schedule time of the next slot that claim gives away.';
comment on column services.lowered_at is
'Schedule time at which 429 responses last lowered the rate.';
comment on column services.trial_answered is 'Calls that were answered since it is half open.';
comment on column services.trial_failed is 'Calls that were not answered since it is half open.';
comment on column services.last_failure is
'How the last call failed that was not answered, as "code: detail".';
comment on column services.last_failure_at is 'Schedule time of that failure.';
comment on column services.probe_seconds is
'Seconds of schedule time between two probes while it is open.';
comment on column services.opens_at_failures is
'It opens when so many calls of the last 20 seconds got no response.';
comment on column services.opens_at_share is
'It opens when that is at least this share of the calls, from 0 to 1.';
comment on column services.ramp_per_second is
'How many tasks may begin in the first second after the recovery.';
