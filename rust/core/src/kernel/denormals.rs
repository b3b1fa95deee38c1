//! Denormal numbers are flushed to zero while kernels run: a forget gate that decays a state towards zero would
//! otherwise make every operation on it tens of times slower.

/// Flushes denormals on this thread until it is dropped, and then restores what the caller had.
pub struct FlushDenormals {
    before: Control,
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    pub type Control = u32;
    /// FTZ (results) and DAZ (operands) of MXCSR.
    pub const FLUSH: Control = 1 << 15 | 1 << 6;

    pub fn read() -> Control {
        let mut value: Control = 0;
        // SAFETY: stores MXCSR to a local.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
        value
    }

    pub fn write(value: Control) {
        // SAFETY: the value was read from MXCSR, with two of its defined bits changed.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags, readonly))
        };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    pub type Control = u64;
    /// FZ of FPCR.
    pub const FLUSH: Control = 1 << 24;

    pub fn read() -> Control {
        let value: Control;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }

    pub fn write(value: Control) {
        // SAFETY: the value was read from FPCR, with one of its defined bits changed.
        unsafe { asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub type Control = ();
    pub const FLUSH: Control = ();

    pub fn read() -> Control {}

    pub fn write((): Control) {}
}

use control::{Control, FLUSH, read, write};

impl FlushDenormals {
    #[allow(clippy::new_without_default)] // it acts; a default would hide that
    pub fn new() -> FlushDenormals {
        let before = read();
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        write(before | FLUSH);
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        write(FLUSH);
        FlushDenormals { before }
    }
}

/// Has denormals on this thread, as numbers are elsewhere, until it is dropped: for code that is called from among kernels.
pub struct KeepDenormals {
    before: Control,
}

impl KeepDenormals {
    #[allow(clippy::new_without_default)] // it acts; a default would hide that
    pub fn new() -> KeepDenormals {
        let before = read();
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        write(before & !FLUSH);
        KeepDenormals { before }
    }
}

impl Drop for KeepDenormals {
    fn drop(&mut self) {
        write(self.before);
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        write(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn denormals_are_zero_while_the_guard_lives_and_numbers_again_after_it() {
        let half = |x: f32| black_box(black_box(x) * black_box(0.5));
        assert!(half(f32::MIN_POSITIVE) > 0.0);
        {
            let _guard = FlushDenormals::new();
            assert_eq!(half(f32::MIN_POSITIVE), 0.0);
            {
                let _guard = KeepDenormals::new();
                assert!(half(f32::MIN_POSITIVE) > 0.0);
            }
            assert_eq!(half(f32::MIN_POSITIVE), 0.0);
        }
        assert!(half(f32::MIN_POSITIVE) > 0.0);
    }
}
