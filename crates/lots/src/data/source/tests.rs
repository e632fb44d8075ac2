use tempfile::TempDir;

use super::*;
use crate::data::{array, digits, idx};
use crate::image::Image;

/// A folder with the first digits in every form, and a set of them to compare with.
struct Digits {
    folder: TempDir,
    images: Vec<Image>,
    labels: Vec<usize>,
}

impl Digits {
    const COUNT: usize = 7;

    fn new() -> Self {
        let (mut images, labels, _) = digits::load().into_parts();
        let mut labels = labels.unwrap();
        images.truncate(Self::COUNT);
        labels.truncate(Self::COUNT);
        let digits = Self { folder: tempfile::tempdir().unwrap(), images, labels };
        digits.write();
        digits
    }

    fn write(&self) {
        idx::write_images(self.path("x-images-idx3-ubyte.gz"), &self.images).unwrap();
        idx::write_labels(self.path("x-labels-idx1-ubyte"), &self.labels).unwrap();
        idx::write_images(self.path("plain.idx"), &self.images).unwrap();
        let pixels: Vec<u8> = self.images.iter().flat_map(|image| image.pixels().to_vec()).collect();
        array::write(self.path("digits.npy"), &[Self::COUNT, 28, 28], &pixels).unwrap();
        std::fs::create_dir(self.path("pictures")).unwrap();
        for (index, image) in self.images.iter().enumerate() {
            image.save(self.path(&format!("pictures/{index}.png"))).unwrap();
        }
        let lines: Vec<String> = self.labels.iter().map(ToString::to_string).collect();
        std::fs::write(self.path("labels.txt"), lines.join("\n")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self, text: &str) -> Result<ImageSource> {
        ImageSource::parse(self.path(text).to_str().unwrap())
    }

    fn load(&self, text: &str) -> Result<ImageSet> {
        self.source(text)?.load()
    }
}

#[test]
fn the_same_digits_come_from_every_form_and_range() {
    let digits = Digits::new();
    let ranges =
        [("", 0..7), ("[0..7]", 0..7), ("[2..5]", 2..5), ("[5..]", 5..7), ("[..3]", 0..3), ("[6]", 6..7)];
    let forms = [
        ("x-images-idx3-ubyte.gz", "x-images-idx3-ubyte.gz[2]", true),
        ("plain.idx", "plain.idx[2]", false),
        ("digits.npy", "digits.npy[2]", false),
        ("pictures", "2.png", false),
    ];
    for (form, third_name, labelled) in forms {
        for (text, range) in &ranges {
            let set = digits.load(&format!("{form}{text}")).unwrap();
            assert_eq!(set.images(), &digits.images[range.clone()], "{form}{text}");
            assert_eq!(set.labels(), labelled.then_some(&digits.labels[range.clone()]), "{form}{text}");
            if range.start == 2 {
                assert_eq!(set.names()[0], third_name);
            }
            let source =
                digits.source(&format!("{form}{text}")).unwrap().with_labels(digits.path("labels.txt"));
            assert_eq!(source.load().unwrap().labels(), Some(&digits.labels[range.clone()]), "{form}{text}");
        }
    }
}

#[test]
fn built_in_sets_are_called_by_name() {
    assert_eq!(ImageSource::parse("digits").unwrap().load().unwrap(), digits::load());
    assert_eq!("digits:targets".parse::<ImageSource>().unwrap().load().unwrap(), digits::targets());
    let five = ImageSource::parse("digits:targets[5]").unwrap().load().unwrap();
    assert_eq!((five.labels(), five.names()), (Some(&[5][..]), &["digits:targets[5]".to_owned()][..]));
    assert_eq!(ImageSource::parse("digits[3..8]").unwrap().to_string(), "digits[3..8]");
}

#[test]
fn chunks_make_up_the_whole() {
    let digits = Digits::new();
    for form in ["x-images-idx3-ubyte.gz", "digits.npy[1..6]", "pictures", "plain.idx[..6]"] {
        let whole = digits.load(form).unwrap();
        for chunk in [0, 1, 3, 100] {
            let mut chunks = digits.source(form).unwrap().chunks(chunk).unwrap();
            assert_eq!(chunks.remaining(), whole.len());
            let (mut images, mut names, mut labels) = (Vec::new(), Vec::new(), Vec::new());
            for set in chunks.by_ref() {
                let (more_images, more_labels, more_names) = set.unwrap().into_parts();
                assert!(more_images.len() <= chunk.max(1));
                images.extend(more_images);
                names.extend(more_names);
                labels.extend(more_labels.unwrap_or_default());
            }
            assert_eq!(chunks.remaining(), 0);
            assert_eq!((images.as_slice(), names.as_slice()), (whole.images(), whole.names()));
            assert_eq!(labels, whole.labels().unwrap_or_default());
        }
    }
}

#[test]
fn one_picture_has_its_own_name_and_may_be_labelled() {
    let digits = Digits::new();
    let one = digits.load("pictures/4.png").unwrap();
    assert_eq!(
        (one.images(), one.names(), one.labels()),
        (&digits.images[4..5], &["4.png".to_owned()][..], None)
    );
    std::fs::write(digits.path("one.csv"), "4.png,4\n").unwrap();
    let source = digits.source("pictures/4.png").unwrap().with_labels(digits.path("one.csv"));
    assert_eq!(source.load().unwrap().label(0), Some(4));
}

#[test]
fn class_folders_label_their_pictures() {
    let digits = Digits::new();
    for (index, (image, label)) in digits.images.iter().zip(&digits.labels).enumerate() {
        std::fs::create_dir_all(digits.path(&format!("classes/{label}"))).unwrap();
        image.save(digits.path(&format!("classes/{label}/{index}.png"))).unwrap();
    }
    let set = digits.load("classes").unwrap();
    assert_eq!(set.names(), ["0/3.png", "1/2.png", "1/5.png", "2/1.png", "4/4.png", "4/6.png", "7/0.png"]);
    assert_eq!(set.labels().unwrap(), [0, 1, 1, 2, 4, 4, 7]);
    assert_eq!(set.images()[2], digits.images[5]);
}

#[test]
fn a_path_that_exists_is_no_range() {
    let digits = Digits::new();
    for name in ["odd[3]", "odd[", "odd[x]"] {
        std::fs::copy(digits.path("pictures/4.png"), digits.path(name)).unwrap();
        let set = digits.load(name).unwrap();
        assert_eq!((set.images(), set.names()), (&digits.images[4..5], &[name.to_owned()][..]));
    }
    // And a range may still follow.
    assert_eq!(digits.load("odd[3][0]").unwrap().images(), &digits.images[4..5]);
}

#[test]
fn mistakes_in_the_text_are_told() {
    let digits = Digits::new();
    let cases = [
        (
            "digits[a..b]",
            "`[a..b]` is no range of images, expected numbers as in `[0..10]`, `[5..]`, `[..10]` or `[7]`, the second \
             larger: `digits[a..b]`",
        ),
        ("digits[]", "`[]` is no range of images"),
        ("digits[5..5]", "`[5..5]` is no range of images"),
        ("digits[0..2000]", "`digits` holds 1000 images, expected enough for the range [0..2000]"),
        ("digits[1000]", "`digits` holds 1000 images, expected enough for the range [1000..1001]"),
        ("digits:target", "there is no such file or folder: `digits:target`"),
        ("digit[3]", "there is no such file or folder: `digit`"),
    ];
    for (text, part) in cases {
        let message = ImageSource::parse(text).and_then(|source| source.load()).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let message = digits.load("plain.idx[..8]").unwrap_err().to_string();
    assert!(message.contains("plain.idx` holds 7 images"), "{message}");
}

#[test]
fn images_of_several_shapes_are_refused_by_name() {
    let digits = Digits::new();
    Image::new(1, 28, 27, vec![0; 28 * 27]).unwrap().save(digits.path("pictures/3a.png")).unwrap();
    let message = digits.load("pictures").unwrap_err().to_string();
    assert!(message.starts_with("`3a.png` has 1×28×27 pixels, expected 1×28×28 like `0.png`"), "{message}");
    // Also when the first that differs lies in a later chunk; after the failure nothing more comes.
    let mut chunks = digits.source("pictures").unwrap().chunks(2).unwrap();
    assert!(chunks.next().unwrap().is_ok() && chunks.next().unwrap().is_ok());
    assert!(matches!(chunks.next(), Some(Err(Error::MixedShapes { .. }))));
    assert!(chunks.next().is_none());
}

#[test]
fn files_that_hold_no_images_say_so() {
    let digits = Digits::new();
    std::fs::write(digits.path("notes.png"), "not a picture at all").unwrap();
    std::fs::write(digits.path("empty"), "").unwrap();
    std::fs::create_dir(digits.path("nothing")).unwrap();
    let cases = [
        ("notes.png", "not a picture: `"),
        ("empty", "not a picture: `"),
        ("labels.txt", "not a picture: `"),
        ("nothing", "there are no pictures in the folder: `"),
        ("x-labels-idx1-ubyte", "the IDX file holds 7 values, expected images"),
        ("missing", "there is no such file or folder: `"),
    ];
    for (name, start) in cases {
        let error = digits.load(name).unwrap_err();
        assert!(error.to_string().starts_with(start), "{error}");
    }
    let source = digits.source("plain.idx").unwrap().with_labels(digits.path("pictures/4.png"));
    assert!(source.load().unwrap_err().to_string().starts_with("the label file is damaged"));
    idx::write_labels(digits.path("x-labels-idx1-ubyte"), &[1, 2]).unwrap();
    let message = digits.load("x-images-idx3-ubyte.gz").unwrap_err().to_string();
    assert!(message.starts_with("there are 2 labels for 7 images: `"), "{message}");
}

#[test]
fn images_of_any_shapes_come_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, height) in [("a.png", 2), ("b.png", 5), ("c.png", 3)] {
        Image::new(1, height, 2, vec![7; height * 2]).unwrap().save(folder.path().join(name)).unwrap();
    }
    let source = ImageSource::from_path(folder.path());
    assert!(matches!(source.load(), Err(Error::MixedShapes { .. })));
    let images = source.images().unwrap();
    assert_eq!(images.remaining(), 3);
    let heights: Vec<usize> = images.map(|named| named.unwrap().image.height()).collect();
    assert_eq!(heights, [2, 5, 3]);
}

#[test]
fn digits_have_the_class_of_their_name_where_classes_have_names() {
    let labels = |names: &[&str]| {
        let source = ImageSource::parse("digits:targets").unwrap().with_class_names(names.iter().copied());
        source.load().unwrap().labels().map(<[usize]>::to_vec)
    };
    assert_eq!(labels(&[]), Some((0..10).collect()));
    assert_eq!(labels(&["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]), Some((0..10).rev().collect()));
    assert_eq!(labels(&["1", "2", "3"]), None);
    assert_eq!(labels(&["anna", "boris"]), None);
}
