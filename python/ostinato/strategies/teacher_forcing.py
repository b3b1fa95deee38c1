"""Teacher forcing: the true input at every step."""

from __future__ import annotations

from ostinato.strategy import Batch, Feeding, Moment


class TeacherForcing(Feeding):
    """The input is the true sequence, whatever the network predicts. Source: Williams and Zipser 1989."""

    name = "teacher_forcing"

    def feed(self, batch: Batch, when: Moment) -> Batch:
        """Return the batch unchanged."""
        return batch
