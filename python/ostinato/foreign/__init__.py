"""What other frameworks call by another name: errors that say what to write here.

`calls` explains calls that do not fit a function; `arguments` has the hints for arguments, `names` those for
attributes and for names of modules, `choices` those for names given as texts. A hint holds a line that runs.
"""
