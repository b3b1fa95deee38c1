"""Sequences in a caller's arrays: the axes they lie on, their rows and steps, padding, masks, packed rows.

Networks, data sets and strategies read arrays here, so that all of them understand the same forms. This room
knows nothing of networks.
"""
