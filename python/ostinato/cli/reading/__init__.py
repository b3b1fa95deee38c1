"""CSV files as data of estimators: `table` (texts), and on it `sequences`, `series`, `columns`, `answers`.

`layout_flags` adds the flags that name columns, `column_roles` prints what each is read as, `dates` reads
dates in the form that a flag gives. Knows no estimator.
"""
