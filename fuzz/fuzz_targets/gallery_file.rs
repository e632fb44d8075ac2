//! Whatever the bytes of a gallery are, the answer is a gallery that is written and read again or a sentence.
//!
//! `cargo +nightly fuzz run gallery_file` from the root of the repository. What it finds goes into `corpus/gallery_file`,
//! which the tests of `lots` replay.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../read_gallery.rs"]
mod read_gallery;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_gallery::read_gallery(bytes);
});
