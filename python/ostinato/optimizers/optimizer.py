"""The base class of optimizers: an equation for one number of a parameter; the engine runs it for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np

from ostinato import _core, checks
from ostinato.aligned import aligned_zeros
from ostinato.arena_view import written_padding
from ostinato.attribute_guard import MARK
from ostinato.checks import mapping, whole
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.foreign.calls import hinted
from ostinato.foreign.names import KINDS
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.optimizers.arrays import Array, Entry, by_name, frozen_of, read_entries
from ostinato.optimizers.clip import clip_scale
from ostinato.optimizers.engine import Engine
from ostinato.optimizers.groups import Groups, group_of, read_groups
from ostinato.optimizers.missed import Missed
from ostinato.optimizers.planned import EagerPart, Part, PlannedStep
from ostinato.optimizers.slots import Shape, SlotForms, couples, read_forms, spread
from ostinato.options import Configured
from ostinato.patterns import Aliases
from ostinato.sequences.arrays import as_array
from ostinato.suggest import did_you_mean
from ostinato.trace import checked_update

Slots: TypeAlias = Names[Value]
"""The running values of a parameter, `slots.mean`."""
Scalars: TypeAlias = Names[Value]
"""The scalars of a step: `s.lr` and `s.count` (1 at the first step)."""
Updated: TypeAlias = tuple[Value, dict[str, Value]]
"""The new parameter and its new slots."""


class Optimizer(Configured):
    """An equation `(param, grad, slots, s) -> (new param, new slots)` for each number of a parameter.

    Derive from this class, name running values in `slots`, and write `update`. The equation is traced once.
    The engine runs it over parameters or a whole arena, in place.

    `slots` are names of slots that have a number for each number of the parameter and start at zero, or a
    dict of names and forms: "zeros" (such a slot), "param" (it starts as the parameter), "scalar" (one number
    for a parameter), "row" and "column" (a number for each row or column; the last axis counts the columns).
    If they depend on the shape of a parameter, write `slots_of`. `ops.whole`, `ops.row` and `ops.column` make
    one number of many: `ops.whole.norm(param)`. An optimizer that uses these, or slots of the last three
    forms, takes parameters by name: an arena has no parameters.

    Options are attributes. The options in `scalars` can change from step to step at no cost (a schedule sets
    `lr`). After a change of another option, the equation is traced again. A new value is checked as in
    `__init__`. Setting another public attribute raises AttributeError, unless `__init__` has set it.
    """

    kind: ClassVar[str] = "optimizer"
    _live_options: ClassVar[bool] = True
    slots: ClassVar[Sequence[str] | SlotForms] = ()
    scalars: ClassVar[Sequence[str]] = ("lr",)
    lr: float
    groups: Groups

    _steps: int = 0

    def __init__(self, groups: Groups | None = None) -> None:
        """Take options for groups of parameters: {name or pattern: {option: value}}.

        The `lr` of a group changes in proportion when `lr` is set later, as by a schedule.
        Raises ConfigError for unknown options, and for the options in `scalars` other than `lr`, which hold
        for all parameters.
        """
        self.groups = read_groups(self._owner, groups, list(self._options), self.scalars)
        for pattern, settings in self.groups.items():
            try:
                self._members[pattern] = type(self)(**{**self._options, "groups": None, **settings})
            except ConfigError as error:
                raise ConfigError(f"{error} (group {shown(pattern)})") from None

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and the new slots. `s` has the options in `scalars`, and `s.count`."""
        raise ConfigError(f"{self._owner} has no update; write update(self, param, grad, slots, s)")

    def slots_of(self, shape: Shape) -> SlotForms:
        """The slots of a parameter of a shape, as names and forms: by default, those of the class.

        `update` is traced for each set of slots: `if "row" in slots` is an `if` of Python.
        """
        checks.shape(self._owner, "shape", shape)
        return read_forms(self._owner, self.slots)

    @property
    def options(self) -> dict[str, Any]:
        """The options as they are now, by name."""
        now = super().options
        return {**now, "groups": self.groups or None} if "groups" in now else now

    @property
    def steps(self) -> int:
        """The number of steps so far."""
        return self._steps

    @hinted("step of an optimizer")
    def step(
        self,
        params: Mapping[str, Array] | Array,
        grads: Mapping[str, Array] | Array,
        *,
        clip_norm: float | None = None,
    ) -> float | None:
        """Change `params` in place by one step along `grads`: two dicts of the same names, or two arenas.

        What is frozen (`net.freeze`) stays as it is, and so do its slots: `net.parameters()`, `net.arena` and
        the arena of gradients know it. The norm does not count it.

        The step is computed in the dtype of each parameter, float32 or float64. With `clip_norm`, the step
        uses gradients scaled as by `ost.clip_norm`, but `grads` do not change. Returns the norm before
        clipping if `clip_norm` is given, otherwise None.

        Raises ShapeError for names or shapes that differ, DTypeError for parameters that are not floats,
        NonFiniteError if a new parameter or slot would not be finite, or if `clip_norm` is given and the norm
        is not, TraceError for an equation that the engine cannot run; all before anything is changed.
        """
        return self._take(self._plan(params, grads, clip_norm))

    def step_eagerly(
        self,
        params: Mapping[str, Array] | Array,
        grads: Mapping[str, Array] | Array,
        *,
        clip_norm: float | None = None,
    ) -> float | None:
        """Like `step`, but runs `update` on NumPy arrays: the readable reference."""
        return self._take(self._plan(params, grads, clip_norm, eager=True))

    def state_dict(self) -> dict[str, Any]:
        """Return {"steps", "options", "slots"}: the number of steps, the options, copies of the slots.

        "missed" is there too if parameters were frozen: how many of the steps they missed.
        """
        slots = {
            name: {slot: one.copy() for slot, one in group.items()} for name, group in self._kept.items()
        }
        state = {"steps": self._steps, "options": self._settings(), "slots": slots}
        return {**state, "missed": self._missed.record()} if self._missed else state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`; raise ConfigError for the state of another optimizer."""
        expected = "what state_dict() returned"
        mapping(self._owner, "state", state, expected)
        missing = [key for key in ("steps", "options", "slots") if key not in state]
        if missing:
            raise ConfigError(f"{self._owner}: the state has no {', '.join(missing)}; expected {expected}")
        slots = mapping(self._owner, "slots of the state", state["slots"], expected)
        options = mapping(self._owner, "options of the state", state["options"], expected)
        fresh = type(self)(**options)
        for name, group in slots.items():
            found = set(mapping(self._owner, f"slots of the state: {name!r}", group, expected))
            # Slots that depend on a parameter's shape are checked with it, in the next step.
            if type(self).slots_of is Optimizer.slots_of and found != set(self.slots):
                raise ConfigError(
                    f"{self._owner}: {shown(name)} has slots {sorted(group)}; expected {sorted(self.slots)}"
                )
        steps = whole(self._owner, "steps", state["steps"], at_least=0)
        missed = Missed.read(self._owner, state.get("missed", []))
        kept = {
            name: {
                slot: _aligned(f"{self._owner}: state: {slot} of {name!r}", one)
                for slot, one in group.items()
            }
            for name, group in slots.items()
        }
        self.__dict__.update({**fresh.__dict__, "_options": self._options})
        self.__dict__.update(_steps=steps, _kept_slots=kept, _missed_steps=missed)

    def __setattr__(self, name: str, value: Any) -> None:
        if MARK not in self.__dict__ or name.startswith("_"):
            super().__setattr__(name, value)
            return
        if name not in self._options:
            if name not in self.__dict__ or name in self._of_class:
                hint = KINDS["optimizer"].get(name) or did_you_mean(name, self._options, "options")
                raise AttributeError(
                    f"{self._owner} has no attribute {shown(name)} to set; {hint}", name=name, obj=self
                )
            super().__setattr__(name, value)
            return
        fresh = type(self)(**{**self._settings(), name: value})
        for pattern, member in self._members.items():
            if name != "groups" and name not in self.groups[pattern]:
                setattr(member, name, value)
        self.__dict__[name] = getattr(fresh, name)
        if name == "groups":
            self.__dict__.update(_group_members=fresh._members, _names=None)
        if name not in self.scalars:
            self.__dict__.pop("_engine_of_this", None)

    def __getstate__(self) -> dict[str, Any]:
        # The compiled equation is made again when it is needed.
        return {name: value for name, value in self.__dict__.items() if name != "_engine_of_this"}

    # State.

    @property
    def _owner(self) -> str:
        return f"optimizer {self.name!r}"

    def _settings(self) -> dict[str, Any]:
        """The current options."""
        return {name: getattr(self, name) for name in self._options}

    @property
    def _kept(self) -> dict[str, dict[str, Array]]:
        """Name of a parameter -> its slots."""
        return cast(dict[str, dict[str, Array]], self.__dict__.setdefault("_kept_slots", {}))

    @property
    def _missed(self) -> Missed:
        return cast(Missed, self.__dict__.get("_missed_steps") or Missed())

    @property
    def _members(self) -> dict[str, Optimizer]:
        """Pattern of a group -> the same optimizer with the group's options, which has its equation."""
        return cast(dict[str, Optimizer], self.__dict__.setdefault("_group_members", {}))

    @property
    def _engine(self) -> Engine:
        if "_engine_of_this" not in self.__dict__:
            names = (*self.scalars, "count")
            self.__dict__["_engine_of_this"] = Engine(self.name, self.update, names)
        return cast(Engine, self.__dict__["_engine_of_this"])

    @property
    def _equations(self) -> list[_core.Program]:
        """The programs of `update` with the options of the start. Raises ConfigError, TraceError."""
        first = self
        if self.options != {**self._options, "groups": self.groups or None}:
            first = type(self)(**self._options)
        # Of a matrix, and of a vector if its slots are others.
        forms = [first._forms(shape) for shape in ((2, 2), (2,))]
        return [first._engine.traced(one).program for n, one in enumerate(forms) if n == 0 or one != forms[0]]

    def _forms(self, shape: Shape) -> SlotForms:
        return read_forms(self._owner, self.slots_of(shape))

    def _forms_of(self, name: str, shape: Shape, params: Mapping[str, Array]) -> SlotForms:
        """The slots of one of the parameters, or of an arena."""
        if name not in params or not self._members:
            return self._forms(shape)
        return self._member_of(list(params), False, getattr(params, "aliases", {}))[name]._forms(shape)

    @property
    def _is_of_names(self) -> bool:
        """Whether it needs parameters by name: an arena has no groups, rows or columns."""
        if self._members or type(self).slots_of is not Optimizer.slots_of:
            return True
        forms = self._forms(())
        return couples(forms) or bool(self._engine.traced(forms).reductions)

    def _member_of(self, names: Sequence[str], is_arena: bool, aliases: Aliases) -> dict[str, Optimizer]:
        """The optimizer whose equation each parameter follows."""
        if is_arena and self._is_of_names:
            what = "has groups of named" if self._members else "needs the shapes and norms of"
            raise ConfigError(
                f"{self._owner} {what} parameters; step with net.parameters() and grads.params, not with "
                "arenas"
            )
        if not self._members:
            return dict.fromkeys(names, self)
        known: tuple[Any, dict[str, Optimizer]] | None = self.__dict__.get("_names")
        if known is None or known[0] != (names, aliases):
            groups = group_of(self._owner, self.groups, names, aliases)
            members = {name: self._members[key] if key else self for name, key in groups.items()}
            self.__dict__["_names"] = known = (names, aliases), members
        return known[1]

    def _scalars_of(self, member: Optimizer) -> list[float]:
        """The numbers of `scalars` for the parameters of a member."""
        numbers = {name: float(getattr(self, name)) for name in self.scalars}
        for pattern, other in self._members.items():
            if other is member and "lr" in self.groups[pattern]:
                first = self._options["lr"]
                if not first:
                    raise ConfigError(
                        f"{self._owner}: group {shown(pattern)} sets lr, which changes in proportion to "
                        "that of "
                        f"the optimizer; the latter began as {shown(first)}, expected above 0"
                    )
                numbers["lr"] = other.lr * (self.lr / first)
        return list(numbers.values())

    # A step.

    def _take(self, planned: PlannedStep) -> float | None:
        """Takes a step that is finite, and returns its norm. Raises NonFiniteError for another one."""
        if planned.overflow:
            raise planned.overflow.error(self._owner, None if self._members else getattr(self, "lr", None))
        planned.take(self)
        return planned.norm

    def _plan(
        self,
        params: Mapping[str, Array] | Array,
        grads: Mapping[str, Array] | Array,
        clip_norm: float | None,
        eager: bool = False,
    ) -> PlannedStep:
        """A step that is computed and checked; nothing has changed yet."""
        values, slopes = by_name(params), by_name(grads, "grads")
        is_arena, frozen = not isinstance(params, Mapping), frozen_of(params, grads)
        member_of = self._member_of(list(values), is_arena, getattr(params, "aliases", {}))

        def forms(name: str, shape: Shape) -> SlotForms:
            return member_of[name]._forms(shape)

        entries = read_entries(self._owner, values, slopes, self._kept, forms, () if is_arena else frozen)
        trained, missed = entries, self._missed
        padding = written_padding([params, grads], [entries[0].param, entries[0].grad]) if is_arena else ()
        if is_arena and (frozen or missed or padding):
            trained = missed.parts(entries[0], frozen, padding)
        if frozen or padding:
            slopes = {f"{entry.name}{entry.place or ''}": entry.grad for entry in trained}
        norm, scale = (None, 1.0) if clip_norm is None else clip_scale(slopes, clip_norm)
        work: dict[tuple[Optimizer, int], list[Entry]] = {}
        for entry in trained:
            work.setdefault((member_of[entry.name], missed.of(entry)), []).append(entry)
        scalars = {member: self._scalars_of(member) for member, _ in work}
        for member, _ in () if eager else work:
            member._engine.prepare(entries, scale)
        count = self._steps + 1
        parts: list[Part] = []
        for (member, late), own in work.items():
            numbers = [*scalars[member], float(count - late)]
            plan = member._plan_eagerly if eager else member._engine.plan
            parts += plan(own, numbers, scale)
        attributes = {"_steps": count, "_missed_steps": missed.after(frozen)}
        return PlannedStep(norm, parts, attributes, {entry.name: entry.slots for entry in entries})

    def _plan_eagerly(
        self, entries: Sequence[Entry], numbers: Sequence[float], scale: float
    ) -> list[EagerPart]:
        s: Names[Any] = Names(
            self._owner, "scalar", dict(zip((*self.scalars, "count"), numbers, strict=True))
        )
        parts = []
        for entry in entries:
            grad = entry.grad if scale == 1.0 else entry.grad * scale
            held: dict[str, Value] = {
                slot: spread(entry.forms[slot], one) for slot, one in entry.slots.items()
            }
            returned = self.update(entry.param, grad, Names(self._owner, "slot", held), s)
            new, slots = checked_update(self._owner, returned, list(held))
            # Copies: a slot may get another slot's old value.
            found = {slot: _filled(slots[slot], one) for slot, one in entry.slots.items()}
            parts.append(EagerPart(entry, _filled(new, entry.param), found))
        return parts


def _filled(new: Value, old: Array) -> Array:
    """A new value in the shape of the old one; of a row or a column, without the axes of length 1."""
    values = np.asarray(new)
    if values.shape != old.shape and values.size == old.size:
        values = values.reshape(old.shape)
    return np.array(np.broadcast_to(values, old.shape), old.dtype)


def _aligned(name: str, given: Any) -> Array:
    """A copy that begins on a cache line. Raises DTypeError for what is no array of floats."""
    values = as_array(name, given)
    if values.dtype not in (np.float32, np.float64):
        raise DTypeError(f"{name} is {shown(given)}; expected an array of float32 or float64")
    copy = aligned_zeros(values.shape, values.dtype)
    copy[...] = values
    return copy
