"""Measures of speed, each beside a floor in the same run; ratios are what counts, absolute numbers are the machine's."""
