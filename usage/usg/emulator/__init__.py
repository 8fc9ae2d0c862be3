"""Writes usage directories as PureConnect servers would."""
