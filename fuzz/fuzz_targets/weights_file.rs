//! Whatever the bytes of a file of weights are, the answer is a network or a sentence.
//!
//! `cargo +nightly fuzz run weights_file` from the root of the repository.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lots_network::Architecture;

fuzz_target!(|bytes: &[u8]| {
    for architecture in Architecture::ALL {
        let _ = architecture.with_weights(bytes);
    }
});
