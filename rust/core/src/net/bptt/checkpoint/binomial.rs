//! The cheapest schedule for many segments and few stored states in closed form, for more segments than a table can hold.
//!
//! Source: Griewank & Walther 2000, "Algorithm 799: revolve", proposition 1: with c checkpoints, including the first state,
//! and the r for which C(c + r - 1, c) < n <= C(c + r, c), the backward pass over n segments takes r n - C(c + r, c + 1)
//! forward runs, besides the one of each segment directly before its backward pass.

use super::optimal::{Choice, Strategy};

/// Stores states only.
#[derive(Debug, Clone, Copy)]
pub struct Binomial;

/// Forward runs over `n` segments whose first state is stored, with room for `m` more states.
pub fn runs(n: usize, m: usize) -> u64 {
    let (n, c) = (n as u128, m as u128 + 1);
    if n <= 1 {
        return n as u64;
    }
    // C(c + r, c) and C(c + r, c + 1) starting from r = 1
    let (mut r, mut reached, mut above) = (1u128, c + 1, 1u128);
    while reached < n {
        r += 1;
        above += reached; // Pascal: C(c + r, c + 1) = C(c + r - 1, c + 1) + C(c + r - 1, c)
        reached = reached * (c + r) / r;
    }
    (r * n - above + n) as u64
}

impl Strategy for Binomial {
    fn stored(&self, n: usize, m: usize) -> Choice {
        if m == 0 {
            return Choice::Split(n - 1); // nothing can be stored before two or more segments
        }
        let cost = |k: usize| k as u64 + runs(n - k, m - 1) + runs(k, m);
        // the cost is convex in k: the first k after which it does not fall
        let (mut low, mut high) = (1, n - 1);
        while low < high {
            let middle = (low + high) / 2;
            if cost(middle + 1) < cost(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Choice::Split(low)
    }

    fn current(&self, _: usize, m: usize) -> Choice {
        if m > 0 { Choice::Store } else { Choice::Nothing }
    }

    fn kept(&self) -> usize {
        0
    }
}
