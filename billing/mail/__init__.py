"""Mail lists for customers and staff, the digest, batch receipts, recipients."""
