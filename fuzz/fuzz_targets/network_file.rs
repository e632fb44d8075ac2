//! Whatever the bytes of a network file are, the answer is a network that can be run or a sentence.
//!
//! `cargo +nightly fuzz run network_file` from the root of the repository. What it finds goes into `corpus/network_file`,
//! which the tests of `lots-network` replay.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../read_and_run.rs"]
mod read_and_run;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_and_run::read_and_run(bytes);
});
