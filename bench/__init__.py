"""Measures of speed, each beside a floor in the same run: what counts is the ratio."""
