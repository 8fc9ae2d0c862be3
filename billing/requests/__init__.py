"""What customers request and staff decide: excuses and licences."""
