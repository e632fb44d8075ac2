//! Files that lie: the corpus of the fuzz target, and the fixtures with bytes changed, cut out and repeated, must each
//! give a network that runs or a sentence.

use std::fs;

#[path = "../../../fuzz/read_and_run.rs"]
mod read_and_run;

use lots_testing::files;
use read_and_run::read_and_run;

#[test]
fn the_corpus_of_the_fuzz_target_gives_networks_or_sentences() {
    for file in files("fuzz/corpus/network_file", 4) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let answer = read_and_run(&fs::read(&file).unwrap());
        // The name says what the answer is.
        match name.strip_prefix("ok_") {
            Some(_) => assert_eq!(answer, Ok(()), "{name}"),
            None => assert!(answer.as_ref().is_err_and(|sentence| sentence.len() > 10), "{name}: {answer:?}"),
        }
    }
}

/// Eight changes at a time, reproducible.
#[test]
fn fixtures_with_changed_bytes_give_networks_or_sentences() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    let mut sentences = 0;
    for file in files("fuzz/corpus/network_file", 4).into_iter().chain(files("testdata/onnx", 4)) {
        let bytes = fs::read(&file).unwrap();
        if bytes.is_empty() || bytes.len() > 1 << 16 {
            continue;
        }
        for _ in 0..60 {
            let mut changed = bytes.clone();
            for _ in 0..=random(8) {
                let place = random(changed.len());
                match random(4) {
                    0 => changed[place] = random(256) as u8,
                    1 => changed[place] ^= 1 << random(8),
                    2 if changed.len() > 1 => drop(changed.remove(place)),
                    _ => {
                        let end = (place + 1 + random(40)).min(changed.len());
                        let part = changed[place..end].to_vec();
                        changed.splice(place..place, part);
                    }
                }
            }
            sentences += usize::from(read_and_run(&changed).is_err());
        }
    }
    assert!(sentences > 100, "{sentences} of the changed files are refused");
}
