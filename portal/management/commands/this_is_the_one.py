"""The former name of `claim_mail`, kept for scripts that use it."""

from portal.management.commands.claim_mail import Command

__all__ = ["Command"]
