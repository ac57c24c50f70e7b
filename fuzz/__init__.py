"""Whatever bytes come: what reads them gives a value, or an error of ours. ``make fuzz`` looks for those that do not."""
