"""Signals of portal about people; apps above it receive them in the transaction."""

from django.dispatch import Signal

# Sent when somebody is no member of a tenant any more, with `tenant_id`, `user_id`,
# `by` and `at`, in a unit of work of the tenant or the staff, under the tenant's lock.
membership_ended = Signal()
