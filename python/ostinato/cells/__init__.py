"""Built-in cells, one per file, as equations with no privileges over plugins.

Every `Cell` defined in a file of this folder is registered under its `name`; a new one is a new file and a
row in the table of tests. May use: ops, cell, initializers, checks, errors; never layers or networks.
"""
