//! Which instruction sets there are, which this machine has, and which one is used.

use std::env;

use super::simd;

/// The environment variable that forces an instruction set.
const VARIABLE: &str = "OSTINATO_ISA";

/// An instruction set that kernels exist for.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Isa {
    /// Plain Rust arrays; every machine has it.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512,
    /// 64-bit Arm.
    Neon,
}

impl Isa {
    /// Every instruction set, the better ones later.
    const ALL: [Isa; 4] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Neon];

    /// The instruction sets of this machine, the better ones later; `Portable` is always the first.
    pub fn available() -> Vec<Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The name of the instruction set in `OSTINATO_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }

    /// The instruction set that `OSTINATO_ISA` names, or else the best of this machine.
    /// An unknown name, or an instruction set that this machine lacks, is an error that lists the available ones.
    pub fn active() -> Result<Isa, String> {
        match env::var_os(VARIABLE) {
            None => Ok(Isa::best()),
            Some(name) => Isa::named(&name.to_string_lossy()),
        }
    }

    /// The best that this machine has.
    fn best() -> Isa {
        Isa::available().pop().unwrap_or(Isa::Portable)
    }

    /// The available instruction set of a name; an empty name is the best.
    fn named(name: &str) -> Result<Isa, String> {
        let wanted = name.trim().to_ascii_lowercase();
        if wanted.is_empty() {
            return Ok(Isa::best());
        }
        let available = Isa::available();
        if let Some(&isa) = available.iter().find(|isa| isa.name() == wanted) {
            return Ok(isa);
        }
        let problem = if Isa::ALL.iter().any(|isa| isa.name() == wanted) {
            "this machine does not have it"
        } else {
            "there is no such instruction set"
        };
        let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
        Err(format!("{VARIABLE}={name:?}: {problem}; available here: {}", names.join(", ")))
    }

    pub(super) fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            Isa::Avx2 => simd::has_avx2(),
            Isa::Avx512 => simd::has_avx512(),
            Isa::Neon => simd::has_neon(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn every_available_name_is_found_again() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
            assert_eq!(Isa::named(&format!(" {} ", isa.name().to_uppercase())), Ok(isa));
        }
        assert_eq!(Isa::named(""), Ok(Isa::best()));
    }

    #[test]
    fn unknown_and_absent_names_are_errors_that_list_what_there_is() {
        let absent = if cfg!(target_arch = "aarch64") { "avx512" } else { "neon" };
        for (name, problem) in [("sse9", "no such"), (absent, "does not have")] {
            let text = Isa::named(name).unwrap_err();
            assert!(text.contains(problem) && text.contains("portable") && text.contains(name), "{text}");
        }
    }
}
