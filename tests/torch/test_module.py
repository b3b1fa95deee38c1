"""`ostinato.torch.Module`: PyTorch's own layer in values and gradients, and each trap refused or mended."""

import copy
import io
import pickle

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

from ostinato.torch import Module  # noqa: E402

KINDS = ("RNN", "GRU", "LSTM")


def states_of(given):
    return given if isinstance(given, tuple) else (given,)


def same_memory(module):
    """Whether each parameter of PyTorch is the network's."""
    views = module.net.parameters()
    return all(one.data_ptr() == views[name].ctypes.data for name, one in module.named_parameters())


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_of_pytorch_has_equal_outputs_states_and_gradients(kind, batch_first):
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(
        3, 5, 2, bidirectional=True, batch_first=batch_first, dtype=torch.float64
    )
    ours = Module(getattr(ost, kind)(3, 5, 2, bidirectional=True, batch_first=batch_first, dtype="float64"))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    shape = (4, 7, 3) if batch_first else (7, 4, 3)
    x = torch.randn(shape, dtype=torch.float64)
    states = [torch.randn(4, 4, 5, dtype=torch.float64) for _ in range(2 if kind == "LSTM" else 1)]
    found = []
    for module in (ours, theirs):
        inputs = [one.clone().requires_grad_() for one in (x, *states)]
        hx = tuple(inputs[1:]) if kind == "LSTM" else inputs[1]
        outputs, final = module(inputs[0], hx)
        loss = (outputs**2).sum() + sum((one**3).sum() for one in states_of(final))
        loss.backward()
        found.append(
            [outputs, *states_of(final), *(one.grad for one in inputs)]
            + [module.get_parameter(name).grad for name in theirs.state_dict()]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_go_in_and_come_out(kind, sort):
    torch.manual_seed(1)
    theirs = getattr(torch.nn, kind)(3, 4, bidirectional=True, dtype=torch.float64)
    ours = Module(getattr(ost, kind)(3, 4, bidirectional=True, batch_first=False, dtype="float64"))
    ours.load_state_dict(theirs.state_dict())
    lengths = (5, 4, 2) if sort else (2, 5, 4)
    rows = [torch.randn(length, 3, dtype=torch.float64) for length in lengths]
    packed = torch.nn.utils.rnn.pack_sequence(rows, enforce_sorted=sort)
    (one, states), (other, others) = ours(packed), theirs(packed)
    torch.testing.assert_close(one.data, other.data)
    assert torch.equal(one.batch_sizes, other.batch_sizes)
    for a, b in zip(states_of(states), states_of(others), strict=True):
        torch.testing.assert_close(a, b)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(packed)
    again, _ = ours(padded, lengths=torch.tensor(lengths))
    torch.testing.assert_close(again, torch.nn.utils.rnn.pad_packed_sequence(one)[0])


def attention():
    """Two inputs by name, and two outputs."""
    x, row = ost.Input("x", size=2), ost.Input("row", size=3, axis="row")
    h = ost.GRU(5, 3, dtype="float64")(ost.concat(x, ost.repeat(row, x)))
    return ost.Graph({"steps": h, "end": ost.last(h)})


NETWORKS = {
    "lstm": (lambda: ost.LSTM(2, 3, 2, dtype="float64"), (2, 4, 2)),
    "a cell of a plugin": (lambda: ost.Recurrent("cells/layer_norm_lstm", 2, 3, dtype="float64"), (2, 4, 2)),
    "a linear state": (lambda: ost.MinGRU(2, 3, dtype="float64"), (2, 4, 2)),
    "a stack": (
        lambda: ost.Sequential(ost.GRU(2, 3, dtype="float64"), ost.Dense(3, 2, dtype="float64")),
        (2, 4, 2),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_finite_differences(name):
    make, shape = NETWORKS[name]
    module = Module(make())
    torch.manual_seed(2)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: module(x)[0], (x, *module.parameters()))


def test_a_graph_takes_and_returns_tensors_by_name():
    module = Module(attention())
    torch.manual_seed(3)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 4, 2), (2, 3))]

    def both(x, row, *_):
        outputs, _ = module({"x": x, "row": row}, lengths=torch.tensor([4, 2]))
        return outputs["steps"], outputs["end"]

    assert torch.autograd.gradcheck(both, (*inputs, *module.parameters()))


def test_one_of_several_outputs_may_have_no_gradient():
    module = Module(attention())
    x, row = torch.randn(2, 4, 2, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    module({"x": x, "row": row})[0]["end"].sum().backward()
    found = module.net.run({"x": x.numpy(), "row": row.numpy()}, training=True)
    expected = found.backward({"end": np.ones((2, 3))})
    for name, one in module.named_parameters():
        np.testing.assert_array_equal(one.grad.numpy(), expected.params[name])


def test_ids_go_in_and_an_optimizer_of_pytorch_trains():
    torch.manual_seed(4)
    module = Module(ost.Sequential(ost.Embedding(7, 8), ost.GRU(8, 16), ost.Dense(16, 7)))
    ids = torch.randint(7, (16, 12))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(60):
        logits, _ = module(ids)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert same_memory(module)
    found = module.net.run(ids.numpy()).outputs
    np.testing.assert_array_equal(found, module.eval()(ids)[0].detach().numpy())


def test_it_is_a_part_of_a_model_of_pytorch():
    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = Module(ost.GRU(3, 4, bidirectional=True))
            self.head = torch.nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.recurrent(x)[0])

    torch.manual_seed(5)
    model = Tagger()
    model(torch.randn(2, 5, 3)).sum().backward()
    assert all(one.grad is not None for one in model.parameters())
    other = Tagger()
    other.load_state_dict(model.state_dict())
    x = torch.randn(2, 5, 3)
    assert torch.equal(other(x), model(x))
    assert same_memory(other.recurrent)


def test_training_mode_turns_noise_on_and_the_seed_of_pytorch_decides_it():
    net = ost.GRU(3, 16, regularizers=[ost.Dropout(0.5, where="output")])
    module, x = Module(net), torch.ones(2, 5, 3)
    torch.manual_seed(6)
    first, second = (module(x)[0].detach() for _ in range(2))
    torch.manual_seed(6)
    assert torch.equal(first, module(x)[0])
    assert not torch.equal(first, second)
    module.eval()
    assert torch.equal(module(x)[0], module(x)[0])
    np.testing.assert_array_equal(module(x)[0].detach().numpy(), net(x.numpy()))


def test_a_saliency_in_eval_mode_is_without_noise():
    module = Module(ost.GRU(3, 4, regularizers=[ost.Dropout(0.5)])).eval()
    x = torch.ones(2, 5, 3, requires_grad=True)
    slopes = [torch.autograd.grad(module(x)[0].sum(), x)[0] for _ in range(2)]
    assert torch.equal(*slopes)


def test_a_penalty_is_added_by_who_wants_it():
    net = ost.GRU(3, 4, regularizers=[ost.ActivationPenalty(0.1)])
    module, x = Module(net), torch.randn(2, 5, 3)
    outputs, _ = module(x)
    (outputs.sum() + module.penalty).backward()
    expected = net.run(x.numpy(), training=True).backward(np.ones((2, 5, 4), "f4"), d_penalty=1.0)
    for name, one in module.named_parameters():
        np.testing.assert_array_equal(one.grad.numpy(), expected.params[name])
    assert module.eval()(x)[0] is not None
    assert module.penalty is None


def test_frozen_parameters_have_no_gradient():
    net = ost.LSTM(3, 4)
    net.freeze("weight_hh*")
    module = Module(net)
    module(torch.randn(2, 5, 3))[0].sum().backward()
    found = {name: one.grad is None for name, one in module.named_parameters()}
    assert found == {name: name == "weight_hh_l0" for name in found}


@pytest.mark.parametrize("copied", ["deepcopy", "pickle", "torch.save"])
def test_a_copy_shares_memory_with_its_own_network(copied):
    module = Module(ost.GRU(3, 4))
    module.weight_hh_l0.requires_grad_(False)
    module(torch.randn(2, 5, 3))[0].sum().backward()
    module.eval()
    if copied == "deepcopy":
        made = copy.deepcopy(module)
    elif copied == "pickle":
        made = pickle.loads(pickle.dumps(module))
    else:
        file = io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        made = torch.load(file, weights_only=False)
    assert same_memory(made)
    assert same_memory(module)
    assert not made.training
    assert not made.weight_hh_l0.requires_grad
    assert torch.equal(made.bias_ih_l0.grad, module.bias_ih_l0.grad)
    with torch.no_grad():
        made.bias_ih_l0.add_(1.0)
    x = torch.randn(2, 5, 3)
    assert not torch.equal(made(x)[0], module(x)[0])


class Scaled(Module):
    """A subclass with arguments and attributes of its own."""

    def __init__(self, net, scale):
        super().__init__(net)
        self.scale = scale

    def forward(self, x, hx=None, *, lengths=None):
        outputs, states = super().forward(x, hx, lengths=lengths)
        return self.scale * outputs, states


def doubled(module, arguments, results):
    return 2 * results[0], results[1]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_has_the_hooks_and_the_attributes_of_a_subclass(copied):
    module, x = Scaled(ost.GRU(3, 4), 3.0), torch.randn(2, 5, 3)
    module.register_forward_hook(doubled)
    made = copied(module)
    assert torch.equal(made(x)[0], module(x)[0])
    torch.testing.assert_close(made(x)[0], 6.0 * torch.from_numpy(made.net(x.numpy())))
    assert same_memory(made)


def test_a_copy_that_would_lose_a_part_is_refused():
    module = Module(ost.GRU(3, 4))
    module.head = torch.nn.Linear(4, 2)
    with pytest.raises(ost.ConfigError, match="head was added"):
        copy.deepcopy(module)


@pytest.mark.parametrize(
    "move",
    [
        lambda module: module.double(),
        lambda module: module.half(),
        lambda module: module.to(torch.bfloat16),
        lambda module: module.to("meta"),
        lambda module: module.share_memory(),
        lambda module: module.load_state_dict(module.state_dict(), assign=True),
    ],
    ids=["double", "half", "to a dtype", "to a device", "share_memory", "assign"],
)
def test_what_would_end_the_sharing_is_refused_and_changes_nothing(move):
    module = Module(ost.GRU(3, 4))
    before = module.net.arena.copy()
    with pytest.raises(ost.OstinatoError, match="Module: "):
        move(module)
    assert same_memory(module)
    np.testing.assert_array_equal(module.net.arena, before)


def test_what_keeps_dtype_and_device_is_accepted():
    module = Module(ost.GRU(3, 4))
    for made in (module.float(), module.cpu(), module.to(torch.float32)):
        assert made is module
    assert same_memory(module)


def test_data_that_was_replaced_comes_back_into_the_network():
    module, x = Module(ost.GRU(3, 4)), torch.randn(2, 5, 3)
    with torch.no_grad():
        module.bias_ih_l0.data = torch.full((12,), 0.25)
        outputs, _ = module(x)
    assert same_memory(module)
    np.testing.assert_array_equal(module.net.parameters()["bias_ih_l0"], np.full(12, 0.25, "f4"))
    np.testing.assert_array_equal(outputs.numpy(), module.net(x.numpy()))


@pytest.mark.parametrize("replace", ["functional_call", "assign in a parent", "parametrization"])
def test_parameters_that_are_other_objects_are_refused(replace):
    module, x = Module(ost.GRU(3, 4)), torch.randn(2, 5, 3)
    before = module.net.arena.copy()
    with pytest.raises(ost.ConfigError, match="was replaced by another object"):
        if replace == "functional_call":
            other = {name: torch.ones_like(one) for name, one in module.named_parameters()}
            torch.func.functional_call(module, other, (x,))
        elif replace == "assign in a parent":
            parent = torch.nn.ModuleList([module])
            parent.load_state_dict({name: one + 1 for name, one in parent.state_dict().items()}, assign=True)
            module(x)
        else:
            torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
            module(x)
    np.testing.assert_array_equal(module.net.arena, before)


def test_a_network_that_became_part_of_another_is_refused():
    net = ost.GRU(3, 4)
    module = Module(net)
    ost.Sequential(net, ost.Dense(4, 2))
    with pytest.raises(ost.ConfigError, match="a part of another network"):
        module(torch.randn(2, 5, 3))


def test_second_derivatives_are_refused_and_no_silent_constants():
    module = Module(ost.GRU(3, 4))
    x = torch.randn(2, 5, 3, requires_grad=True)
    with pytest.raises(ost.ConfigError, match="first derivatives only"):
        torch.autograd.grad(module(x)[0].sum(), x, create_graph=True)


def test_a_backward_pass_after_an_update_is_refused_as_by_pytorch():
    module = Module(ost.GRU(3, 4))
    loss = module(torch.randn(2, 5, 3))[0].sum()
    with torch.no_grad():
        module.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_two_forward_passes_have_their_own_backward_passes():
    module = Module(ost.GRU(3, 4, dtype="float64"))
    x, y = (torch.randn(2, 5, 3, dtype=torch.float64) for _ in range(2))
    (module(x)[0].sum() + module(y)[0].sum()).backward()
    both = [one.grad.clone() for one in module.parameters()]
    module.zero_grad()
    for one in (x, y):
        module(one)[0].sum().backward()
    for one, other in zip(both, module.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda module: module(torch.zeros(2, 5, 3, dtype=torch.float64)), r"x is torch.float64.*x\.to"),
        (lambda module: module(torch.zeros(2, 5, 3).to("meta")), r"x is on meta.*x\.cpu"),
        (lambda module: module(np.zeros((2, 5, 3), "f4")), "x is ndarray; expected a tensor"),
        (lambda module: module(torch.zeros(2, 5, 4)), "4"),
        (lambda module: module(torch.zeros(2, 5, 3), (torch.zeros(1, 2, 4),) * 2), "hx is 2 tensors"),
        (lambda module: module(torch.zeros(2, 5, 3), torch.zeros(1, 3, 4)), r"\(1, 2, 4\)"),
        (lambda module: module(torch.zeros(2, 5, 3), lengths=torch.tensor([6, 1])), "lengths"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ost.OstinatoError, match=message):
        call(Module(ost.GRU(3, 4)))


def test_no_network_is_refused():
    with pytest.raises(ost.DTypeError, match=r"net is .*; expected a network"):
        Module(torch.nn.GRU(3, 4))


def test_inference_mode_keeps_nothing_for_a_backward_pass():
    module = Module(ost.GRU(3, 4)).eval()
    with torch.inference_mode():
        outputs, _ = module(torch.randn(2, 5, 3))
    assert not outputs.requires_grad


def test_torch_compile_calls_it_as_it_is():
    module = Module(ost.GRU(3, 4))
    compiled = torch.compile(torch.nn.Sequential(module), backend="eager")
    x = torch.randn(2, 5, 3)
    assert torch.equal(compiled(x)[0], module(x)[0])
