//! The sizes of the caches of this machine. Block sizes follow from them, but the order of a sum never does: no bit of a result
//! depends on a cache.

use std::env;
use std::sync::OnceLock;

/// The environment variable that sets the sizes.
const VARIABLE: &str = "OSTINATO_CACHE";

/// Bytes of the caches that one core reads through: the first for data, the second, the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caches {
    pub l1: usize,
    pub l2: usize,
    pub l3: usize,
}

impl Caches {
    /// For a machine that does not say what it has: sizes that most processors of the last ten years reach.
    const USUAL: Caches = Caches { l1: 32 << 10, l2: 512 << 10, l3: 8 << 20 };
    /// The least size that is believed: block sizes are derived by division.
    const LEAST: usize = 4 << 10;
    const MOST: usize = 1 << 34;

    /// The sizes that `OSTINATO_CACHE` names, or else those of the machine. The variable is read once per process, on the
    /// first call. A text that is not three sizes is an error at every call.
    pub fn active() -> Result<Caches, String> {
        active().clone()
    }

    /// The same for block sizes: a malformed variable counts as the usual sizes here. `Call::new` has refused it before.
    pub fn or_usual() -> Caches {
        match active() {
            Ok(caches) => *caches,
            Err(_) => Caches::USUAL,
        }
    }

    /// `l1,l2,l3` in bytes, or with the suffix K or M; an empty text means the sizes of the machine.
    fn named(text: &str) -> Result<Caches, String> {
        if text.trim().is_empty() {
            return Ok(Caches::of_machine());
        }
        let sizes: Option<Vec<usize>> = text.split(',').map(size).collect();
        match sizes.as_deref() {
            Some(&[l1, l2, l3]) if l1 <= l2 && l2 <= l3 => Ok(Caches { l1, l2, l3 }),
            _ => Err(format!(
                "{VARIABLE}={text:?}: expected the sizes of three caches of a core, from the first to the third, none \
                 smaller than the one before, each from 4K to 16384M, such as 32K,1M,32M"
            )),
        }
    }

    /// What the machine reports; a level that it does not report has the usual size, or that of the level before if that is
    /// larger.
    fn of_machine() -> Caches {
        let found = |level: u32| reported(level).filter(|size| (Caches::LEAST..=Caches::MOST).contains(size));
        let l1 = found(1).unwrap_or(Caches::USUAL.l1);
        let l2 = found(2).unwrap_or(Caches::USUAL.l2).max(l1);
        let l3 = found(3).unwrap_or(Caches::USUAL.l3).max(l2);
        Caches { l1, l2, l3 }
    }
}

fn active() -> &'static Result<Caches, String> {
    static ACTIVE: OnceLock<Result<Caches, String>> = OnceLock::new();
    ACTIVE.get_or_init(|| match env::var_os(VARIABLE) {
        None => Ok(Caches::of_machine()),
        Some(text) => Caches::named(&text.to_string_lossy()),
    })
}

/// A number of bytes, with a suffix K or M.
fn size(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_uppercase();
    let (digits, shift) = match text.strip_suffix('K') {
        Some(digits) => (digits, 10),
        None => text.strip_suffix('M').map_or((&text[..], 0), |digits| (digits, 20)),
    };
    let number: usize = digits.trim_end().parse().ok()?;
    let bytes = number.checked_mul(1 << shift)?;
    (Caches::LEAST..=Caches::MOST).contains(&bytes).then_some(bytes)
}

/// The bytes of the data or unified cache of a level, as the processor reports them.
#[cfg(target_arch = "x86_64")]
fn reported(level: u32) -> Option<usize> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    /// Intel's leaf of caches, and AMD's, which has the same form.
    const LEAVES: [u32; 2] = [4, 0x8000_001d];
    const MOST_CACHES: u32 = 8;
    let has = |leaf: u32| __cpuid(leaf & 0x8000_0000).eax >= leaf;
    LEAVES.into_iter().filter(|&leaf| has(leaf)).find_map(|leaf| {
        (0..MOST_CACHES)
            .map(|number| __cpuid_count(leaf, number))
            .take_while(|cache| cache.eax & 31 != 0)
            // kinds: 1 data, 2 instructions, 3 both
            .find(|cache| cache.eax & 31 != 2 && cache.eax >> 5 & 7 == level)
            .map(|cache| {
                let field = |from: u32, bits: u32| (cache.ebx >> from & ((1 << bits) - 1)) as usize + 1;
                field(22, 10) * field(12, 10) * field(0, 12) * (cache.ecx as usize + 1)
            })
    })
}

/// The bytes of the data or unified cache of a level, as Linux reports them.
#[cfg(not(target_arch = "x86_64"))]
fn reported(level: u32) -> Option<usize> {
    const MOST_CACHES: usize = 8;
    let file = |number: usize, name: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{number}/{name}");
        std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    (0..MOST_CACHES)
        .filter(|&number| file(number, "level").is_some_and(|text| text == level.to_string()))
        .filter(|&number| file(number, "type").is_some_and(|kind| kind != "Instruction"))
        .find_map(|number| size(&file(number, "size")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        let caches = Caches { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20 };
        for text in ["32K,1M,32M", " 32k , 1024K,32m ", "32768,1048576,33554432"] {
            assert_eq!(Caches::named(text), Ok(caches), "{text}");
        }
        assert_eq!(Caches::named(" "), Ok(Caches::of_machine()));
    }

    #[test]
    fn other_texts_are_errors_that_show_the_form() {
        for text in
            ["32K", "32K,1M", "1,2,3", "32K,1M,32M,64M", "1M,32K,32M", "-1,2,3", "a,b,c", "32K,1M,99999999M"]
        {
            let error = Caches::named(text).unwrap_err();
            assert!(error.contains(text) && error.contains("32K,1M,32M"), "{error}");
        }
    }

    #[test]
    fn the_machine_has_three_levels_in_order() {
        let Caches { l1, l2, l3 } = Caches::of_machine();
        assert!((Caches::LEAST..=1 << 20).contains(&l1) && l1 <= l2 && l2 <= l3, "{l1} {l2} {l3}");
    }
}
