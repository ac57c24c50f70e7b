"""Figures, each beside something that a reader can measure too. ``make bench`` prints them."""
