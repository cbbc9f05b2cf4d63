"""AWS on one machine: functions, triggers, the API gateway and the emulated services."""
