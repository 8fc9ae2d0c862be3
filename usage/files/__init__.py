"""What is known of a file, and the pages that show it."""
