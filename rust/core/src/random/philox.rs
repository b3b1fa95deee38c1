//! Philox4x32 with 10 rounds. Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".

/// The number of counters computed in parallel: as many as one 512-bit register holds.
pub const LANES: usize = 16;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The golden ratio, and the square root of 3 less 1: the key increments of each round.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The four words of `LANES` counters; lane `l` has the counter `[first[0] + l, first[1], first[2], first[3]]`.
#[inline(always)] // so that the caller's instruction set is used
pub fn words(first: [u32; 4], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut c = first.map(|word| [word; LANES]);
    for (lane, word) in c[0].iter_mut().enumerate() {
        *word = word.wrapping_add(lane as u32);
    }
    for _ in 0..ROUNDS {
        let mut next = [[0; LANES]; 4];
        for lane in 0..LANES {
            let left = u64::from(MULTIPLIERS[0]) * u64::from(c[0][lane]);
            let right = u64::from(MULTIPLIERS[1]) * u64::from(c[2][lane]);
            next[0][lane] = (right >> 32) as u32 ^ c[1][lane] ^ key[0];
            next[1][lane] = right as u32;
            next[2][lane] = (left >> 32) as u32 ^ c[3][lane] ^ key[1];
            next[3][lane] = left as u32;
        }
        c = next;
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// Two words for an address that is not the noise of a layer: no layer has its stream.
pub fn address_words(seed: u64, [first, second, third]: [u32; 3]) -> [u32; 2] {
    let [a, b, ..] = words([first, second, third, u32::MAX], [seed as u32, (seed >> 32) as u32]);
    [a[0], b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counter, key, result: `kat_vectors` of the authors' Random123 1.14, lines `philox4x32 10`.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];

    #[test]
    fn published_answers_come_out_in_every_lane() {
        for (counter, key, expected) in KNOWN {
            for lane in 0..LANES {
                let first = counter[0].wrapping_sub(lane as u32);
                let got = words([first, counter[1], counter[2], counter[3]], key).map(|word| word[lane]);
                assert_eq!(got, expected, "lane {lane}");
            }
        }
    }
}
