"""A tenant's deadlines as a calendar that programs subscribe to."""
