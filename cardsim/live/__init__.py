"""Watching cards while readers use them.

`words` puts one exchange into words, `watch` hands what readers tell to those who want to know.
"""
