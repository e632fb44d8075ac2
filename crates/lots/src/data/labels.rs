//! Label files: an IDX file, a `.npy` array of integers, or text; the contents decide, not the name.
//!
//! Text is one class a line, by its index or by what it is called, or `name,label` in any order of names; a first line
//! that names no class is a heading. Empty lines are left out. The name is that of the image file, with or without its
//! folder; it may hold commas.

use std::collections::BTreeMap;
use std::path::Path;

use super::class_names::ClassNames;
use super::{array, idx};
use crate::error::{Error, Result};
use crate::regular_file::RegularFile;

const KIND: &str = "label file";

/// So many bytes text has at most: four million names of thirty letters with their labels fit.
pub const MOST_TEXT: u64 = 1 << 27;

/// So many labels a file has at most: eight times as many as InfiMNIST has digits in its usual training set.
pub(crate) const MOST: usize = 1 << 26;

/// That, in [`Error::Unsupported`].
pub(crate) const AT_MOST: &str = "at most 67108864";

/// The class indices that a file gives to images.
#[derive(Debug)]
pub struct Labels {
    given: Given,
    heading: Option<Heading>,
}

#[derive(Debug, PartialEq, Eq)]
enum Given {
    /// One for each image, in their order.
    Listed(Vec<usize>),
    /// By the name of the image.
    Named(BTreeMap<String, usize>),
}

/// A first line that names no class. Whether it is a heading, the images tell: of these each has a label.
#[derive(Debug)]
struct Heading {
    /// What stands where others have the name of an image.
    name: Option<String>,
    /// What is wrong with it if it is none.
    fault: Error,
}

impl Labels {
    /// Reads a label file. How long it is is looked at before it is read.
    ///
    /// - `classes`: what text may call the classes; arrays hold their indices.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::File`]; [`Error::NotRegular`], [`Error::FileSize`] if it is endless or longer than
    /// labels are; [`Error::FileLength`] or [`Error::Damaged`] if it is cut short; [`Error::Unsupported`] if it holds no
    /// labels, or too many; [`Error::LabelText`] and [`Error::UnknownClass`] name the first line that is none.
    pub fn open(path: impl AsRef<Path>, classes: &ClassNames) -> Result<Self> {
        let path = path.as_ref();
        let mut file = RegularFile::open(path)?;
        let start = file.start(8)?;
        if array::is_array(&start) {
            return array::read_labels(path).map(Self::listed);
        }
        if idx::is_idx(&start) {
            return idx::read_labels(path).map(Self::listed);
        }
        let text = String::from_utf8(file.read(KIND, MOST_TEXT)?).or(Err(Error::Damaged {
            kind: KIND,
            reason: "it is neither IDX nor `.npy` nor text".to_owned(),
            path: path.to_owned(),
        }))?;
        parse(&text, classes, path)
    }

    /// The labels of `count` images in their order, of which image `index` is called `name(index)`.
    ///
    /// - `path`: the label file, for messages.
    ///
    /// # Errors
    /// [`Error::LabelCount`] if a list has more or fewer; [`Error::LabelMissing`] if a name is not in the file;
    /// [`Error::LabelText`] and [`Error::UnknownClass`] if the first line was taken for a heading and one is missing.
    pub fn of_images(self, count: usize, name: impl Fn(usize) -> String, path: &Path) -> Result<Vec<usize>> {
        let Self { given, heading } = self;
        let labels = match given {
            Given::Listed(labels) if labels.len() == count => return Ok(labels),
            Given::Listed(labels) => {
                return Err(match heading {
                    Some(heading) if heading.name.is_none() && labels.len() + 1 == count => heading.fault,
                    _ => Error::LabelCount { labels: labels.len(), images: count, path: path.to_owned() },
                });
            }
            Given::Named(labels) => labels,
        };
        let mut found = Vec::with_capacity(count);
        for name in (0..count).map(name) {
            let file_name = name.rsplit('/').next().unwrap_or(&name);
            if let Some(&label) = labels.get(&name).or_else(|| labels.get(file_name)) {
                found.push(label);
                continue;
            }
            let is_it = |own: &str| own == name || own == file_name;
            return Err(match heading {
                Some(heading) if heading.name.as_deref().is_some_and(is_it) => heading.fault,
                _ => Error::LabelMissing { name, path: path.to_owned() },
            });
        }
        Ok(found)
    }

    fn listed(labels: Vec<usize>) -> Self {
        Self { given: Given::Listed(labels), heading: None }
    }
}

fn parse(text: &str, classes: &ClassNames, path: &Path) -> Result<Labels> {
    let text = text.trim_start_matches('\u{feff}');
    // They are not kept: a line is described in twice the room that a label takes.
    let all = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let has_heading =
        all().nth(1).is_some() && all().next().is_some_and(|(_, line)| label(line, classes).is_none());
    let lines = || all().skip(usize::from(has_heading));
    let wrong = |(index, line): (usize, &str)| fault(index + 1, line, classes, path);
    let are_named = lines().any(|(_, line)| line.contains(','));
    let heading = all()
        .next()
        .filter(|_| has_heading)
        .map(|line| Heading { name: name_of(line.1).map(str::to_owned), fault: wrong(line) });
    if are_named {
        let mut named = BTreeMap::new();
        for line in lines() {
            let name = name_of(line.1).ok_or_else(|| no_label(line.0 + 1, line.1, path))?;
            let label = label(line.1, classes).ok_or_else(|| wrong(line))?;
            if named.insert(name.to_owned(), label).is_some_and(|earlier| earlier != label) {
                return Err(no_label(line.0 + 1, line.1, path));
            }
        }
        return Ok(Labels { given: Given::Named(named), heading });
    }
    let listed = lines().map(|line| label(line.1, classes).ok_or_else(|| wrong(line)));
    Ok(Labels { given: Given::Listed(listed.collect::<Result<_>>()?), heading })
}

/// What is wrong with the class that a line ends with.
///
/// - `number`: of the line, the first is 1.
fn fault(number: usize, line: &str, classes: &ClassNames, path: &Path) -> Error {
    let got = class_text(line);
    // Where classes have no names, what stands there may be meant for anything.
    if got.is_empty() || classes.first(1).is_empty() {
        return no_label(number, line, path);
    }
    classes.unknown(got, format!("line {number}"), path)
}

fn no_label(number: usize, line: &str, path: &Path) -> Error {
    // A file that is no label file may have very long lines.
    let got = line.trim().chars().take(40).collect();
    Error::LabelText { line: number, got, path: path.to_owned() }
}

/// What stands behind the last comma of a line.
fn class_text(line: &str) -> &str {
    line.rsplit(',').next().unwrap_or(line).trim()
}

/// The class that a line ends with.
fn label(line: &str, classes: &ClassNames) -> Option<usize> {
    match classes.meant_by(class_text(line))[..] {
        [class] => Some(class),
        _ => None,
    }
}

/// The image that a line names.
fn name_of(line: &str) -> Option<&str> {
    let (name, _) = line.rsplit_once(',')?;
    let name = name.trim();
    let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    Some(unquoted.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(bytes: &[u8]) -> Result<Labels> {
        open_with(bytes, &ClassNames::default())
    }

    fn open_with(bytes: &[u8], classes: &ClassNames) -> Result<Labels> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels");
        std::fs::write(&path, bytes).unwrap();
        Labels::open(&path, classes)
    }

    fn of(bytes: &[u8], names: &[&str]) -> Result<Vec<usize>> {
        open(bytes)?.of_images(names.len(), |index| names[index].to_owned(), Path::new("labels.csv"))
    }

    #[test]
    fn lists_and_tables_give_the_same_labels() {
        let names = ["a.png", "3/b.png", "c,d.png"];
        let cases: [&[u8]; 9] = [
            b"7\n0\n12\n",
            b"7\r\n0\r\n\r\n12",
            b"label\n7\n0\n12\n",
            b"a.png,7\n3/b.png,0\nc,d.png,12\n",
            b"name,label\nc,d.png,12\nb.png,0\nunused.png,5\na.png,7\n",
            b"\xEF\xBB\xBF\"a.png\", 7\n\"c,d.png\",12\n\"b.png\",0",
            &[0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 12],
            b"\x93NUMPY\x01\x00\x38\x00{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\n\x07\x00\x0c",
            b"\x93NUMPY\x01\x00\x38\x00{'descr': '<i2', 'fortran_order': False, 'shape': (3,)}\n\x07\x00\x00\x00\x0c\x00",
        ];
        for case in cases {
            assert_eq!(of(case, &names).unwrap(), [7, 0, 12], "{}", String::from_utf8_lossy(case));
        }
    }

    #[test]
    fn a_label_may_be_what_the_class_is_called() {
        let people = ClassNames::new(["anna", "bob", "twin", "twin"]);
        for bytes in [&b"bob\nanna\n"[..], b"1\n0\n", b"identity\nbob\n0\n"] {
            assert_eq!(open_with(bytes, &people).unwrap().given, Given::Listed(vec![1, 0]));
        }
        let named = open_with(b"image,identity\nx.png,anna\ny.png, bob\n", &people).unwrap();
        let names = ["y.png", "x.png"];
        let labels = named.of_images(2, |index| names[index].to_owned(), Path::new("labels.csv"));
        assert_eq!(labels.unwrap(), [1, 0]);
        let digits = ClassNames::new(["7", "1"]);
        assert_eq!(open_with(b"1\n7\n", &digits).unwrap().given, Given::Listed(vec![1, 0]));
    }

    #[test]
    fn a_class_that_is_not_known_is_named_with_its_line_and_the_nearest() {
        let people = ClassNames::new(["s1", "s2", "twin", "twin"]);
        let told = |text: &str, names: &[&str]| {
            let path = Path::new("labels.csv");
            let labels = parse(text, &people, path);
            let labels = labels
                .and_then(|labels| labels.of_images(names.len(), |index| names[index].to_owned(), path));
            let error = labels.unwrap_err();
            (error.to_string(), error.hint().unwrap())
        };
        let sentence = |line: usize, class: &str| {
            format!(
                "line {line} is of class `{class}`, expected the name of one class of the network: `labels.csv`"
            )
        };
        let names = ["1.pgm", "2.pgm"];
        let (message, hint) = told("1.pgm,S1\n2.pgm,s2\n", &names);
        assert_eq!(message, sentence(1, "S1"));
        assert_eq!(hint, "did you mean `s1`? the classes are called `s1`, `s2`, `twin`, `twin`");
        assert_eq!(told("x/1.pgm,s1\n\n2.pgm,S2\n", &["x/1.pgm", "2.pgm"]).0, sentence(3, "S2"));
        assert_eq!(told("S1\ns2\n", &names).0, sentence(1, "S1"));
        assert_eq!(told("S1\n", &["1.pgm"]).0, sentence(1, "S1"));
        let (message, hint) = told("s1\ntwin\n", &names);
        assert_eq!(message, sentence(2, "twin").replace(": `", ", got that of 2: `"));
        assert_eq!(hint, "say which of them by its number");
        // A line that says nothing of the missing image is a heading.
        assert!(told("image,identity\n1.pgm,s1\n", &names).0.starts_with("no label for the image `2.pgm`"));
    }

    #[test]
    fn what_is_no_label_is_named_with_its_line() {
        let cases: [(&[u8], &str); 5] = [
            (b"1\n2\nthree\n", "line 3 is `three`, expected a class index or `name,label`: `"),
            (b"a.png,1\n\nb.png,-2\n", "line 3 is `b.png,-2`"),
            (b"a.png,1\na.png,2\n", "line 2 is `a.png,2`"),
            (b"a.png,1\n5\n", "line 2 is `5`"),
            (b"\xFF\xFE\xFD\x00", "the label file is damaged (it is neither IDX nor `.npy` nor text)"),
        ];
        for (bytes, part) in cases {
            let message = open(bytes).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn files_that_are_longer_than_labels_are_refused_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let sentence = |start: &[u8], length: u64| {
            std::fs::write(&path, start).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            let error = Labels::open(&path, &ClassNames::default()).unwrap_err();
            assert!(error.hint().is_some(), "{error}");
            error.to_string()
        };
        let text = sentence(b"3\n7\n", 1 << 40);
        assert!(
            text.starts_with("the label file has 1099511627776 bytes, expected at most 134217728: `"),
            "{text}"
        );
        let array = lots_network::npy::format("|u1", &[(1 << 40) - 128]);
        assert_eq!(array.len(), 128);
        let array = sentence(&array, 1 << 40);
        assert!(
            array.contains(&format!("holds {} labels, expected {AT_MOST}: `", (1_u64 << 40) - 128)),
            "{array}"
        );
        let idx = sentence(&[0, 0, 8, 1, 0x20, 0, 0, 0], 8 + (1 << 29));
        assert!(idx.contains(&format!("holds 536870912 values, expected {AT_MOST}: `")), "{idx}");
        assert_eq!(AT_MOST, format!("at most {MOST}"));
    }

    #[cfg(unix)]
    #[test]
    fn labels_that_never_end_are_refused() {
        let error = Labels::open("/dev/zero", &ClassNames::default()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file but a pipe or a device: `/dev/zero`");
    }

    #[test]
    fn too_many_too_few_and_missing_labels_are_told() {
        let error = of(b"1\n2\n", &["a", "b", "c"]).unwrap_err();
        assert_eq!(error.to_string(), "there are 2 labels for 3 images: `labels.csv`");
        assert!(error.hint().unwrap().contains("range"));
        let error = of(b"1\n2\n", &["a"]).unwrap_err();
        assert_eq!(error.to_string(), "there are 2 labels for 1 image: `labels.csv`");
        let error = of(b"1\n", &["a", "b"]).unwrap_err();
        assert_eq!(error.to_string(), "there is 1 label for 2 images: `labels.csv`");
        let error = of(b"a.png,1\n", &["a.png", "b.png"]).unwrap_err();
        assert_eq!(error.to_string(), "no label for the image `b.png`: `labels.csv`");
        assert!(matches!(
            Labels::open("no/such/file", &ClassNames::default()),
            Err(Error::NoSuchFile { .. })
        ));
    }
}
