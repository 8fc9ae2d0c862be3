"""A customer's servers: their signing keys, and which days they owe."""
