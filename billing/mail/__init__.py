"""All mails as customers and staff see them; digest, batch receipts, recipients."""
