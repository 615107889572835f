#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "std offers prefetching for raw pointers only")
)]
//! Telling the processor what will be used soon.

/// Has the processor fetch what lies at `address`, two cache lines' worth, while
/// the program goes on. A hint: nothing else happens, whatever the address. On
/// processors other than x86-64 nothing happens at all.
#[inline]
pub(crate) fn prefetch(address: *const ()) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let first = address.cast::<i8>();
        // SAFETY: every x86-64 processor has the instruction, which accesses no memory
        // as far as the program can tell, and cannot fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first) };
        // SAFETY: as above; the pointer is not dereferenced.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(LINE)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
