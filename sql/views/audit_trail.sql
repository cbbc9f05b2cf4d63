-- Who changed which subject, and why. For operators with an SQL client.
create view audit_trail as
select a.id, a.at, a.actor, a.action, a.subject, a.reason, a.before, a.after
  from audit_log a;
