//! Galleries that lie: the corpus of the fuzz target must give galleries or sentences.

use std::fs;
use std::path::PathBuf;

#[path = "../../../fuzz/read_gallery.rs"]
mod read_gallery;

use read_gallery::read_gallery;

fn corpus() -> Vec<PathBuf> {
    lots_testing::files("fuzz/corpus/gallery_file", 21)
}

#[test]
fn the_corpus_of_the_fuzz_target_gives_galleries_or_sentences() {
    for file in corpus() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&file).unwrap();
        let answer = read_gallery(&bytes);
        // The name says what the answer is.
        if name.starts_with("ok_") {
            assert_eq!(answer, Ok(()), "{name}");
        } else {
            let is_told = |sentence: &String| {
                sentence.starts_with("not a gallery (") && !sentence.contains(char::is_control)
            };
            assert!(answer.as_ref().is_err_and(is_told), "{name}: {answer:?}");
        }
        // A file is looked at in another order than its bytes, with the same answer.
        assert_eq!(lots::gallery::read(&file).is_ok(), answer.is_ok(), "{name}");
    }
}

#[test]
fn galleries_with_changed_bytes_give_galleries_or_sentences() {
    for file in corpus() {
        let bytes = fs::read(&file).unwrap();
        for place in (0..bytes.len()).step_by(3) {
            for change in [1, 0x20, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                let _ = read_gallery(&changed);
            }
        }
    }
}
