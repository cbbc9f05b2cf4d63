-- What an instance did, step by step. `sequence` is the numbering of the history, not of tasks.
create view workflow_history as
select h.instance_id,
       h.sequence,
       h.step_id,
       h.action,
       h.status,
       h.attempt,
       h.started_at,
       h.finished_at,
       h.result,
       h.error,
       h.deferrals
  from step_history h;
