"""Measuring results: metrics, pairs of pictures, methods, tables."""
