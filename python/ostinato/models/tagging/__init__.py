"""A label for each step: `tagger`; it reads `tokens` (sentences) and `tags`, and `word_ends` is its cell.

May use `base` and `reading`.
"""
