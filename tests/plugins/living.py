"""Living with plugins: `python living.py` answers each line it is given by a process that lives with them.

A line is a JSON object: `folder` is put on the path, `use` is an expression that is to go wrong, or null, and
what happened is written to the file `out`. In a new process, which has Python and NumPy only, the package is
imported, a built-in network trained, the good plugin's cell used, and then `use` evaluated. The answer is the
exit code of that process.
"""

import hashlib
import json
import os
import sys
import traceback
import warnings

import numpy as np


def live(folder: str, use: str | None, out: str) -> None:
    """Writes the bytes of a built-in's training, the warnings, the report, and the error of `use`."""
    sys.path.insert(0, folder)
    assert "ostinato" not in sys.modules
    import ostinato as ost

    assert not any(name.partition("_")[0] in ("bad", "fine") for name in sys.modules)
    settings = (np.geterr(), list(warnings.filters))
    x = np.linspace(-1, 1, 2 * 5 * 3, dtype="float32").reshape(2, 5, 3)

    def bits() -> str:
        net = ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2))
        loss, gradients = net.value_and_grad(x, x[..., :2], loss="mse")
        ost.Adam().step(net.arena, gradients.arena)
        return hashlib.sha256(net.arena.tobytes() + np.float64(loss).tobytes()).hexdigest()

    said = {"before": bits()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ost.Recurrent("fine", 3, 4).run(x)
        ost.plugins.list()
    said["warnings"] = [str(one.message) for one in caught if one.category.__name__ == "PluginWarning"]
    said["rows"] = [row.as_json() for row in ost.plugins.report()]
    said["error"] = None
    if use is not None:
        try:
            eval(use, {"ost": ost, "x": x})
        except ost.OstinatoError as error:
            said["error"] = str(error)
    said["after"] = bits()
    said["settings kept"] = settings == (np.geterr(), list(warnings.filters))
    with open(out, "w", encoding="utf-8") as file:
        json.dump(said, file)


def main() -> None:
    """Answers lines until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                # What plugins print is no answer.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                live(**json.loads(line))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                # Without clean-up: an object of a plugin could delay it.
                sys.stderr.flush()
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
