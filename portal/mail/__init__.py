"""Mails: what one looks like, how it is sent, and whether any may be sent."""
