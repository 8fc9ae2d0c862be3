"""Second factors: setting up, presenting, confirming, removing and resetting them."""
