use lots::data::{ImageSource, array, mnist};

use crate::stage::{Stage, snapshot};

/// 40 digits to start from: indices 0..40 are test digits, 40..80 training digits, all others deformed.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.mnist(40);
    stage
}

#[test]
fn digits_are_the_same_in_every_format() {
    let stage = stage();
    for out in ["digits.npy", "digits-images-idx3-ubyte.gz", "digits"] {
        stage.run(&format!("infimnist 70..130 --mnist mnist --out {out} --quiet"), 0);
    }
    let array = array::read::<u8>(stage.path("digits.npy")).unwrap();
    assert_eq!(array.shape, [60, 28, 28]);
    let idx = ImageSource::from_path(stage.path("digits-images-idx3-ubyte.gz")).load().unwrap();
    let pixels: Vec<u8> = idx.images().iter().flat_map(lots::Image::pixels).copied().collect();
    assert!(pixels == array.values);
    let labels = array::read_labels(stage.path("digits.labels.npy")).unwrap();
    assert_eq!(idx.labels(), Some(&labels[..]));
    // Pictures are in folders of their classes, named by their index.
    let pictures = ImageSource::from_path(stage.path("digits")).load().unwrap();
    assert_eq!(pictures.len(), 60);
    for (index, image) in pictures.images().iter().enumerate() {
        let (class, file) = pictures.names()[index].split_once('/').unwrap();
        let digit: usize = file.trim_end_matches(".png").parse().unwrap();
        assert_eq!((image, labels[digit - 70].to_string().as_str()), (&idx.images()[digit - 70], class));
    }
    // The first ten are training digits as they are.
    let train = mnist::load_train(stage.path("mnist")).unwrap();
    assert_eq!(&idx.images()[..10], &train.images()[30..]);
    assert_ne!(&idx.images()[10], &train.images()[0]);
}

#[test]
fn saved_data_gives_the_same_digits() {
    let stage = stage();
    std::fs::create_dir(stage.path("data")).unwrap();
    stage.run("infimnist 90..100 --mnist mnist --seed 5 --save-data data --out own.npy --quiet", 0);
    stage.run("infimnist 90..100 --mnist mnist --infimnist-data data --out read.npy --quiet", 0);
    stage.run("infimnist 90..100 --mnist mnist --seed 6 --out other.npy --quiet", 0);
    let read = |name: &str| std::fs::read(stage.path(name)).unwrap();
    assert!(read("own.npy") == read("read.npy"));
    assert!(read("own.npy") != read("other.npy"));
}

#[test]
fn a_page_shows_them_side_by_side() {
    let stage = stage();
    snapshot!("infimnist_page", stage.lots("infimnist 80..140 --mnist mnist --page page.png"));
    let page = lots::Image::open(stage.path("page.png")).unwrap();
    assert_eq!((page.height(), page.width()), (11 * 60 + 8, 20 * 60 + 4));
    // The first digit on top is the first training digit, twice as large and black on white.
    let digit = &mnist::load_train(stage.path("mnist")).unwrap().images()[0].clone();
    for row in 0..56 {
        for column in 0..56 {
            let expected = 255 - digit.pixels()[row / 2 * 28 + column / 2];
            assert_eq!(page.pixels()[(4 + row) * page.width() + 4 + column], expected);
        }
    }
}

#[test]
fn mistakes_are_told() {
    let stage = stage();
    snapshot!("infimnist_range", stage.lots("infimnist 80 --mnist mnist --out digits.npy"));
    snapshot!("infimnist_nowhere", stage.lots("infimnist 80..90 --mnist mnist"));
    snapshot!("infimnist_extension", stage.lots("infimnist 80..90 --mnist mnist --out digits.csv"));
    snapshot!(
        "infimnist_data",
        stage.lots("infimnist 80..90 --mnist mnist --infimnist-data mnist --out digits.npy")
    );
}
