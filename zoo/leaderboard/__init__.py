"""Rows of results, ranked and rendered: tables, curves and the web page."""
