//! Telling the processor what will be needed soon.

/// The cache line at this address will be written: fetch it, and take it away from whoever has it. Where that cannot be
/// said in a stable way it is not; an address that leads nowhere does no harm.
#[inline(always)]
pub fn soon_written(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; it touches no memory that the language knows of, and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// The cache line at this address will be read.
#[inline(always)]
pub fn soon_read(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
