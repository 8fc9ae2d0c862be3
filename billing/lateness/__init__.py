"""Late flags: the check that raises them, and the decisions of staff on them."""
