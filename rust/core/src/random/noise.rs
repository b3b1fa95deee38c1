//! Uniform numbers from the words of the generator.

use super::philox::{LANES, words};

/// Numbers that one call of the generator returns.
const GROUP: usize = 4 * LANES;

/// The noise of one layer in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    seed: u64,
    layer: u16,
}

/// The address of noise: a row at a step, in one of the layer's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub stream: u16,
    pub step: u32,
    pub row: u32,
}

impl Noise {
    pub fn new(seed: u64, layer: u16) -> Noise {
        Noise { seed, layer }
    }

    /// Writes numbers in [0, 1) at `place` for the units starting at `first`, a multiple of 64.
    ///
    /// Each number is a multiple of 2^-24, exact in float32 and float64: a comparison with a multiple of 2^-24 has the same
    /// result in both.
    pub fn fill(self, place: Place, first: usize, out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: the CPU has AVX-512.
                return unsafe { fill_avx512(self, place, first, out) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the CPU has AVX2.
                return unsafe { fill_avx2(self, place, first, out) };
            }
        }
        fill(self, place, first, out);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fill_avx512(noise: Noise, place: Place, first: usize, out: &mut [f32]) {
    fill(noise, place, first, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_avx2(noise: Noise, place: Place, first: usize, out: &mut [f32]) {
    fill(noise, place, first, out);
}

/// Unit `u` is word `u % 64 / 16` of block `u / 64 * 16 + u % 16`, so that words are stored in the order of their
/// computation. The arithmetic uses integers, so all instruction sets give the same numbers.
#[inline(always)] // so that the caller's instruction set is used
fn fill(noise: Noise, place: Place, first: usize, out: &mut [f32]) {
    let key = [noise.seed as u32, (noise.seed >> 32) as u32];
    let stream = u32::from(noise.layer) << 16 | u32::from(place.stream);
    for (group, out) in out.chunks_mut(GROUP).enumerate() {
        let block = ((first / GROUP + group) * LANES) as u32;
        let drawn = words([block, place.row, place.step, stream], key);
        for (out, word) in out.chunks_mut(LANES).zip(&drawn) {
            for (out, word) in out.iter_mut().zip(word) {
                *out = (word >> 8) as f32 * (1.0 / 16_777_216.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, layer: u16, place: Place, units: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; units];
        Noise::new(seed, layer).fill(place, 0, &mut out);
        out
    }

    const PLACE: Place = Place { stream: 3, step: 5, row: 7 };

    #[test]
    fn a_number_depends_on_its_unit_and_not_on_how_many_are_drawn() {
        let all = drawn(1, 2, PLACE, 300);
        for units in [0, 1, 15, 16, 17, 63, 64, 65, 200] {
            assert_eq!(drawn(1, 2, PLACE, units), all[..units]);
        }
        let mut rest = vec![0.0; 300 - 128];
        Noise::new(1, 2).fill(PLACE, 128, &mut rest);
        assert_eq!(rest, all[128..]);
    }

    #[test]
    fn every_part_of_the_address_matters() {
        let base = drawn(1, 2, PLACE, 64);
        let others = [
            drawn(2, 2, PLACE, 64),
            drawn(1 + (1 << 32), 2, PLACE, 64),
            drawn(1, 3, PLACE, 64),
            drawn(1, 2, Place { stream: 4, ..PLACE }, 64),
            drawn(1, 2, Place { step: 6, ..PLACE }, 64),
            drawn(1, 2, Place { row: 8, ..PLACE }, 64),
        ];
        for other in others {
            assert!(base.iter().zip(&other).filter(|(a, b)| a == b).count() < 3);
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same() {
        let mut plain = vec![0.0; 130];
        fill(Noise::new(9, 1), PLACE, 0, &mut plain);
        assert_eq!(plain, drawn(9, 1, PLACE, 130));
    }

    #[test]
    fn numbers_are_uniform() {
        // 64 bins of 2^20 numbers: chi-square with 63 degrees of freedom exceeds 137 by chance once in 10^7
        let mut bins = [0.0f64; 64];
        for row in 0..1024 {
            for x in drawn(11, 0, Place { row, ..PLACE }, 1024) {
                assert!((0.0..1.0).contains(&x));
                bins[(x * 64.0) as usize] += 1.0;
            }
        }
        let expected = 16_384.0;
        let chi: f64 = bins.iter().map(|count| (count - expected) * (count - expected) / expected).sum();
        assert!(chi < 137.0, "chi-square {chi}");
    }
}
