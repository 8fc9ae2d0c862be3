"""Background work: rows as a queue, the schedule, and how workers start and stop."""
