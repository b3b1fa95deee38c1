"""Central differences: what every gradient of the engine is compared with."""

import numpy as np

# With this step they are off by about step^2 = 1e-10 (curvature) and 1e-16 * |f| / step = 1e-10
# (rounding), for numbers around 1 to 10: well below the 1e-6 that gradients are held to.
STEP = 1e-5
RELATIVE = 1e-6


def slope(scalar, array):
    """Numeric derivative of `scalar()` by each entry of `array`, which is changed in place and restored."""
    result = np.empty(array.shape)
    for place in np.ndindex(*array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = scalar()
        array[place] = kept - STEP
        below = scalar()
        array[place] = kept
        result[place] = (above - below) / (2 * STEP)
    return result
