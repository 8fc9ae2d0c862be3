"""Who was late: the check, the flags, and what staff decide about them."""
