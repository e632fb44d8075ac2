use super::*;
use crate::data::digits;

/// The embedded digits as a small MNIST.
fn mnist(train: usize, test: usize) -> Mnist {
    let digits = digits::load();
    Mnist { train: digits.part(0..train).unwrap(), test: digits.part(train..train + test).unwrap() }
}

fn infimnist() -> Infimnist {
    Infimnist::new(mnist(30, 10), Fields::from_seed(7), Tangents::own()).unwrap()
}

#[test]
fn the_first_indices_are_mnist_itself() {
    let infimnist = infimnist();
    assert_eq!((infimnist.first_training_digit(), infimnist.first_deformed_digit()), (10, 40));
    let all = infimnist.digits(&(0..40).collect::<Vec<_>>()).unwrap();
    let digits = digits::load();
    for (index, (pixels, label)) in all.images().enumerate() {
        let digit = if index < 10 { 30 + index } else { index - 10 };
        assert_eq!((pixels, label), (digits.images()[digit].pixels(), digits.label(digit).unwrap()));
    }
}

#[test]
fn deformed_digits_are_different_and_alike() {
    let infimnist = infimnist();
    let originals = infimnist.digits(&(10..40).collect::<Vec<_>>()).unwrap();
    for round in 1..20 {
        let first = 10 + 30 * round;
        let deformed = infimnist.digits(&(first..first + 30).collect::<Vec<_>>()).unwrap();
        assert_eq!(deformed.labels, originals.labels);
        for ((pixels, _), (original, _)) in deformed.images().zip(originals.images()) {
            assert_ne!(pixels, original);
            let sum = |pixels: &[u8]| pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>();
            let ratio = sum(pixels) / sum(original);
            assert!((0.6..1.6).contains(&ratio), "the ink of {first} changed by {ratio}");
        }
    }
}

#[test]
fn batches_are_the_digits_in_their_order() {
    let infimnist = infimnist();
    let whole = infimnist.digits(&(5..105).collect::<Vec<_>>()).unwrap();
    let mut parts = Batch::default();
    let mut counts = Vec::new();
    for batch in infimnist.batches(5..105, 30) {
        let batch = batch.unwrap();
        counts.push(batch.labels.len());
        batch.images().for_each(|(pixels, label)| parts.push(pixels, label));
    }
    assert_eq!(counts, [30, 30, 30, 10]);
    assert!(parts == whole);
    assert_eq!(infimnist.batches(u32::MAX - 5..u32::MAX, 4).count(), 2);
}

#[test]
fn the_files_of_the_original_program_give_the_same_digits() {
    let folder = tempfile::tempdir().unwrap();
    let own = infimnist();
    own.write_files(folder.path()).unwrap();
    let read = Infimnist::with_files(mnist(30, 10), folder.path()).unwrap();
    let indices: Vec<u32> = (0..500).chain([1_000_000, u32::MAX]).collect();
    assert!(own.digits(&indices).unwrap() == read.digits(&indices).unwrap());
    // Another number of training digits needs another file.
    let error = Infimnist::with_files(mnist(31, 9), folder.path()).unwrap_err();
    assert!(error.to_string().starts_with("the file of tangents has the wrong length"), "{error}");
    let fields = folder.path().join(FIELDS_FILE);
    std::fs::write(&fields, [0; 100]).unwrap();
    assert!(matches!(Fields::read(&fields), Err(Error::FileLength { got: 100, .. })));
}

#[test]
fn a_deformation_is_its_formula() {
    // Constant fields of 2 and 3 pixels: v = x − (2 · T₀ − 3 · T₁), truncated.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FIELDS_FILE);
    let constant = |index: usize| vec![if index == 1 { 2.0 } else { 3.0 }; PIXELS];
    let values: Vec<f32> = (0..FIELD_COUNT).flat_map(constant).collect();
    std::fs::write(&file, crate::data::floats::to_bytes(&values)).unwrap();
    let fields = Fields::read(&file).unwrap();
    let example: Vec<u8> = (0..PIXELS).map(|index| (index % 256) as u8).collect();
    let tangents = [(0..PIXELS).map(|index| index as f32 / 10.0).collect(), vec![0.5; PIXELS]];
    let pixels = deformed(&example, [fields.field(1), fields.field(2)], &tangents, -1.0);
    for (index, pixel) in pixels.into_iter().enumerate() {
        let exact = f64::from(example[index]) - (2.0 * index as f64 / 10.0 - 3.0 * 0.5);
        assert_eq!(pixel, exact.clamp(0.0, 255.0) as u8, "{index}");
    }
}

#[test]
fn without_translation_only_the_shift_is_missing() {
    let (moved, still) = (infimnist(), infimnist().without_translation());
    for index in 40..200 {
        let mut pixels = still.digits(&[index]).unwrap().pixels;
        moved.deformation(index).unwrap().translation.apply(&mut pixels);
        assert_eq!(moved.digits(&[index]).unwrap().pixels, pixels);
    }
}

#[test]
fn fields_are_smooth_and_move_by_a_pixel() {
    let fields = Fields::from_seed(7);
    for index in [0, 1, 760, FIELD_COUNT - 1] {
        let field = fields.field(index);
        let square: f32 = field.iter().map(|value| value * value).sum::<f32>() / PIXELS as f32;
        assert!((square.sqrt() - 1.0).abs() < 1e-5, "{square}");
        for pair in field.chunks_exact(SIDE).flat_map(|row| row.windows(2)) {
            assert!((pair[0] - pair[1]).abs() < 1.0, "{pair:?}");
        }
    }
    assert_ne!(fields.field(0), fields.field(1));
    assert!(Fields::from_seed(7) == fields && Fields::from_seed(8) != fields);
}

#[test]
fn tangents_are_the_slopes_of_a_ramp() {
    // 3 grey levels a column, 5 a row: far from the border the derivatives are these.
    let ramp: Vec<u8> = (0..PIXELS).map(|index| (3 * (index % SIDE) + 5 * (index / SIDE)) as u8).collect();
    let [along_x, along_y] = Tangents::own().of(0, &ramp).unwrap();
    for row in 8..20 {
        for column in 8..20 {
            let index = row * SIDE + column;
            assert!((along_x[index] - 3.0).abs() < 1e-3, "{}", along_x[index]);
            assert!((along_y[index] - 5.0).abs() < 1e-3, "{}", along_y[index]);
        }
    }
}

#[test]
fn digits_of_another_size_are_refused() {
    let image = crate::Image::new(1, 2, 2, vec![1; 4]).unwrap();
    let set = ImageSet::new(vec![image], Some(vec![1]), vec!["small".to_owned()]).unwrap();
    let mnist = Mnist { train: set.clone(), test: set };
    let error = Infimnist::new(mnist, Fields::from_seed(1), Tangents::own()).unwrap_err();
    assert!(error.to_string().contains("digit has 1×2×2 pixels, expected 1×28×28"), "{error}");
}
