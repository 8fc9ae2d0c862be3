"""Reminder mails: which are due, what they say, and sending them."""
