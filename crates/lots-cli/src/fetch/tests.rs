use std::io::Cursor;

use super::*;

/// What the files of these tests hold. Their sums are those of the standard tool `sha256sum`.
const CONTENTS: [&[u8]; 2] = [b"abc", b"The quick brown fox jumps over the lazy dog"];

const FILES: [MnistFile; 2] = [
    MnistFile {
        name: "first",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
    MnistFile {
        name: "second",
        bytes: 43,
        sha256: "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592",
    },
];

/// A place that gives what it was told to.
struct Fake {
    name: &'static str,
    gives: [Result<Vec<u8>, &'static str>; 2],
}

impl Place for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&mut self, file: &MnistFile) -> Result<Box<dyn Read>, String> {
        let index = FILES.iter().position(|known| known == file).unwrap();
        match &self.gives[index] {
            Ok(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Err(reason) => Err((*reason).to_owned()),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn good(name: &'static str) -> Fake {
    Fake { name, gives: CONTENTS.map(|contents| Ok(contents.to_vec())) }
}

/// Fetches from the places and returns what came of it with everything that was reported but bytes.
fn run(folder: &Path, places: Vec<Fake>) -> (Result<Fetched, FetchError>, Vec<String>) {
    let mut places: Vec<Box<dyn Place>> =
        places.into_iter().map(|place| Box::new(place) as Box<dyn Place>).collect();
    let mut reports = Vec::new();
    let result = fetch(folder, &FILES, &mut places, &mut |progress| match progress {
        Progress::Kept { name } => reports.push(format!("{name} kept")),
        Progress::Wrong { name } => reports.push(format!("{name} wrong")),
        Progress::Asking { name, place } => reports.push(format!("{name} asked of {place}")),
        Progress::Receiving { bytes, total, .. } => assert!(bytes <= total),
        Progress::Brought { name, place } => reports.push(format!("{name} from {place}")),
        Progress::Failed { name, place, reason } => {
            reports.push(format!("{name} not from {place}: {reason}"));
        }
    });
    (result, reports)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_are_brought_once_and_then_kept() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data").join("mnist");
    let packed = Fake { name: "packed", gives: CONTENTS.map(|contents| Ok(gzip(contents))) };
    let (result, _) = run(&inner, vec![packed]);
    let brought = vec![("first", "packed".to_owned()), ("second", "packed".to_owned())];
    assert_eq!(result.unwrap(), Fetched { kept: vec![], brought });
    assert_eq!(names_in(&inner), ["first", "second"]);
    for (file, contents) in FILES.iter().zip(CONTENTS) {
        assert_eq!(std::fs::read(inner.join(file.name)).unwrap(), contents);
    }
    let (result, reports) = run(&inner, vec![]);
    assert_eq!(result.unwrap(), Fetched { kept: vec!["first", "second"], brought: vec![] });
    assert_eq!(reports, ["first kept", "second kept"]);
}

#[test]
fn files_put_there_by_hand_count_gzipped_or_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("first.gz"), gzip(CONTENTS[0])).unwrap();
    std::fs::write(folder.path().join("second"), CONTENTS[1]).unwrap();
    let (result, _) = run(folder.path(), vec![]);
    assert_eq!(result.unwrap().kept, ["first", "second"]);
}

#[test]
fn wrong_files_are_replaced_and_right_ones_untouched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("first.gz"), gzip(b"abd")).unwrap();
    std::fs::write(folder.path().join("second"), &CONTENTS[1][..40]).unwrap();
    let (result, reports) = run(folder.path(), vec![good("mirror")]);
    assert_eq!(result.unwrap().brought.len(), 2);
    assert_eq!(reports[..2], ["first wrong", "second wrong"]);
    assert_eq!(names_in(folder.path()), ["first", "second"]);
    assert_eq!(std::fs::read(folder.path().join("second")).unwrap(), CONTENTS[1]);
}

#[test]
fn the_next_place_is_tried_and_what_was_brought_stays() {
    let folder = tempfile::tempdir().unwrap();
    let half = Fake { name: "half", gives: [Ok(CONTENTS[0].to_vec()), Err("not found")] };
    let (result, _) = run(folder.path(), vec![half]);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "cannot fetch `second`: no place gave it\n  half: not found");
    assert_eq!(names_in(folder.path()), ["first"]);
    let silent = Fake { name: "silent", gives: [Err("no answer"), Err("no answer")] };
    let (result, reports) = run(folder.path(), vec![silent, good("other")]);
    let expected = Fetched { kept: vec!["first"], brought: vec![("second", "other".to_owned())] };
    assert_eq!(result.unwrap(), expected);
    assert_eq!(
        reports,
        [
            "first kept",
            "second asked of silent",
            "second not from silent: no answer",
            "second asked of other",
            "second from other"
        ]
    );
}

#[test]
fn contents_that_are_not_mnist_never_appear() {
    let cases: [(Vec<u8>, &str); 6] = [
        (
            b"abd".to_vec(),
            "its contents have the SHA-256 a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9, expected ba7816bf",
        ),
        (b"ab".to_vec(), "it gave 2 bytes, expected 3"),
        (b"<html>please log in</html>".to_vec(), "it gave at least 26 bytes, expected 3"),
        (gzip(&vec![0; 1 << 20]), "it gave at least"),
        (gzip(b"abc")[..12].to_vec(), "it broke off after"),
        (Vec::new(), "it gave 0 bytes, expected 3"),
    ];
    for (bytes, part) in cases {
        let folder = tempfile::tempdir().unwrap();
        let place = Fake { name: "odd", gives: [Ok(bytes), Err("unused")] };
        let (result, _) = run(folder.path(), vec![place]);
        let error = result.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("cannot fetch `first`, `second`: no place gave them"), "{error}");
        assert!(error.hint().unwrap().contains(&folder.path().display().to_string()), "{error}");
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, b"").unwrap();
    let error = run(&taken, vec![good("mirror")]).0.unwrap_err();
    assert!(matches!(error, FetchError::Lots(lots::Error::File { action: "write", .. })), "{error}");
}

#[test]
fn a_package_gives_the_file_of_the_name() {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, contents) in [("package/readme.md", &b"hello"[..]), ("package/data/first", CONTENTS[0])] {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, contents).unwrap();
    }
    let package = gzip(&builder.into_inner().unwrap());
    let mut contents = Vec::new();
    place::from_package(&package[..], &FILES[0]).unwrap().read_to_end(&mut contents).unwrap();
    assert_eq!(contents, CONTENTS[0]);
    let Err(reason) = place::from_package(&package[..], &FILES[1]) else { panic!("there is no such file") };
    assert_eq!(reason, "its package has no `second`");
    for length in 0..package.len() {
        // Whatever is cut off, there is a reason or the whole file.
        if let Ok(mut reader) = place::from_package(&package[..length], &FILES[0]) {
            contents.clear();
            reader.read_to_end(&mut contents).unwrap();
            assert_eq!(contents, CONTENTS[0]);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_fault_of_the_place() {
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    let result = copy(Box::new(CONTENTS[0]), &FILES[0], &mut full, &mut |_| {});
    assert!(matches!(result, Err(CopyError::Disk(reason)) if reason.kind() == io::ErrorKind::StorageFull));
}
