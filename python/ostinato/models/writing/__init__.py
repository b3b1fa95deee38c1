"""Estimators that write a sequence, step by step: a text, a sequence for a sequence, one for a context.

`language_model`; `seq2seq` and `sequence_generator` on their base `pairs`, with `symbols` and `contexts`;
`pointer` (a head), `with_end` (a loss) and `halving` (a schedule) are parts of them. May use `base` and
`reading`.
"""
