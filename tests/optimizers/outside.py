"""Optimizers as users would write them: one for each operation that an update may contain."""

from ostinato import Optimizer, ops


class RMSprop(Optimizer):
    """v' = a v + (1 - a) g^2; param' = param - lr g / (sqrt(v') + eps). Source: Tieleman and Hinton 2012."""

    slots = ("mean_square",)

    def __init__(self, lr=0.01, *, smoothing=0.99, eps=1e-8):
        self.lr, self.smoothing, self.eps = lr, smoothing, eps

    def update(self, param, grad, slots, s):
        v = self.smoothing * slots.mean_square + (1 - self.smoothing) * grad * grad
        return param - s.lr * grad / (ops.sqrt(v) + self.eps), {"mean_square": v}


class Lion(Optimizer):
    """The sign of an interpolated mean. Source: Chen et al. 2023, algorithm 2."""

    slots = ("mean",)

    def __init__(self, lr=1e-3, *, beta1=0.9, beta2=0.99):
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2

    def update(self, param, grad, slots, s):
        direction = ops.sign(self.beta1 * slots.mean + (1 - self.beta1) * grad)
        return param - s.lr * direction, {"mean": self.beta2 * slots.mean + (1 - self.beta2) * grad}


class Swap(Optimizer):
    """Slots that become what others were, a slot that is a number, the old parameter as a slot."""

    slots = ("one", "other", "before", "constant")

    def __init__(self, lr=0.5):
        self.lr = lr

    def update(self, param, grad, slots, s):
        new = {"one": slots.other, "other": slots.one, "before": param, "constant": s.count}
        return param - s.lr * grad + 0.01 * (slots.one - slots.before), new


class Rprop(Optimizer):
    """A step of its own for each number: where, comparisons, clip. Source: Riedmiller and Braun 1993."""

    slots = ("before", "width")

    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, param, grad, slots, s):
        agreement = ops.sign(grad) * ops.sign(slots.before)
        width = ops.where(ops.equal(s.count, 1.0), s.lr, slots.width)
        factor = ops.where(agreement > 0, 1.2, ops.where(agreement < 0, 0.5, 1.0))
        width = ops.clip(width * factor, 1e-6, 50.0)
        return param - ops.sign(grad) * width, {"before": grad, "width": width}


class Annealed(Optimizer):
    """Functions of the step count alone, and momentum as a scalar that a schedule may move."""

    slots = ("velocity",)
    scalars = ("lr", "momentum")

    def __init__(self, lr=0.1, *, momentum=0.9):
        self.lr, self.momentum = lr, momentum

    def update(self, param, grad, slots, s):
        v = s.momentum * slots.velocity + grad
        rate = s.lr * ops.exp(-0.1 * s.count) + 1 / (s.count + 10)
        return param - rate * v, {"velocity": v}
