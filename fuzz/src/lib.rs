//! What all targets have in common.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Mutex;

/// The last panic, which matters if nobody catches it.
static LAST: Mutex<String> = Mutex::new(String::new());

/// To be called first.
pub fn start() {
    give_signals_a_stack();
    std::panic::set_hook(Box::new(panicked));
}

/// Runs a target on an input. What libraries panic at, the program catches and calls damage; what it does not catch, and
/// any panic of its own code, ends the run.
pub fn watch(target: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(target)).is_err() {
        eprintln!("{}", LAST.lock().map_or_else(|_| String::new(), |last| last.clone()));
        std::process::abort();
    }
}

fn panicked(info: &PanicHookInfo<'_>) {
    if info.location().is_some_and(|place| ["src/", "fuzz/"].iter().any(|own| place.file().starts_with(own))) {
        eprintln!("{info}\n{}", std::backtrace::Backtrace::force_capture());
        std::process::abort();
    }
    if let Ok(mut last) = LAST.lock() {
        *last = info.to_string();
    }
}

/// An input that fills the stack is kept as any other that ends a run.
fn give_signals_a_stack() {
    let memory = Box::leak(vec![0u8; 1 << 17].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    // SAFETY: the memory is never freed and used for nothing else; zeros are a valid action, the default one. The fuzzer
    // keeps the flag when it puts its own in place.
    let results = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_ONSTACK;
        [
            libc::sigaltstack(&raw const stack, std::ptr::null_mut()),
            libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()),
        ]
    };
    assert_eq!(results, [0; 2], "signals got no stack");
}
