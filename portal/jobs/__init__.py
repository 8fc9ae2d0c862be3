"""Background jobs: the queue in PostgreSQL, the schedule, wake-ups and shutdown."""
