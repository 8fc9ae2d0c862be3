"""Mail: building messages, the outbox, delivery, and the switch that stops it."""
