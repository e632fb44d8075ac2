use proptest::prelude::*;

use super::*;
use crate::measure::homography::Homography;

/// A plane as rows of numbers: the slow twin keeps everything this way.
type Rows = Vec<Vec<f64>>;

/// One iteration as it is defined: every intermediate picture and the whole Jacobian are stored.
/// Returns the correlation and the step.
fn iterate_reference(origin: &Rows, perturbed: &Rows, homography: &Homography) -> (f64, Option<[f64; 8]>) {
    let (origin, perturbed) = (blurred(origin), blurred(perturbed));
    let (height, width) = (origin.len(), origin[0].len());
    let (along_x, along_y) = derivatives(&perturbed);
    let [image, along_x, along_y] = [&perturbed, &along_x, &along_y].map(|plane| warped(plane, homography));
    let mut jacobian = Vec::new();
    let (mut inside, mut template, mut warped_image) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (column as f64, row as f64);
            let [_, _, [a, b, c]] = homography.matrix();
            let scale = a * x + b * y + c;
            let (to_x, to_y) = homography.map(x, y);
            let (gx, gy) = (along_x[row][column] / scale, along_y[row][column] / scale);
            let t = -to_x * gx - to_y * gy;
            jacobian.push([gx * x, gy * x, t * x, gx * y, gy * y, t * y, gx, gy]);
            let (nearest_x, nearest_y) = ((to_x + 0.5).floor(), (to_y + 0.5).floor());
            inside
                .push((0.0..width as f64).contains(&nearest_x) && (0.0..height as f64).contains(&nearest_y));
            template.push(origin[row][column]);
            warped_image.push(image[row][column]);
        }
    }
    subtract_mean(&mut template, &inside, true);
    subtract_mean(&mut warped_image, &inside, false);
    solve_reference(&jacobian, &template, &warped_image, &inside)
}

fn solve_reference(
    jacobian: &[[f64; 8]],
    template: &[f64],
    image: &[f64],
    inside: &[bool],
) -> (f64, Option<[f64; 8]>) {
    let within = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).zip(inside).filter(|(_, inside)| **inside).map(|((a, b), _)| a * b).sum::<f64>()
    };
    let (image_square, product) = (within(image, image), within(template, image));
    let correlation = product / (image_square * within(template, template)).sqrt();
    let column = |k: usize| jacobian.iter().map(move |row| row[k]);
    let times = |k: usize, vector: &[f64]| column(k).zip(vector).map(|(a, b)| a * b).sum::<f64>();
    let hessian: Vec<Vec<f64>> = (0..8)
        .map(|a| (0..8).map(|b| column(a).zip(column(b)).map(|(a, b)| a * b).sum()).collect())
        .collect();
    let image_projection: Vec<f64> = (0..8).map(|k| times(k, image)).collect();
    let template_projection: Vec<f64> = (0..8).map(|k| times(k, template)).collect();
    let Some(solved) = gauss(&hessian, &image_projection) else { return (correlation, None) };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let numerator = image_square - dot(&image_projection, &solved);
    let denominator = product - dot(&template_projection, &solved);
    let lambda = numerator / denominator;
    let error: Vec<f64> = template.iter().zip(image).map(|(t, i)| lambda * t - i).collect();
    let right: Vec<f64> = (0..8).map(|k| times(k, &error)).collect();
    let step = gauss(&hessian, &right).filter(|_| denominator > 0.0);
    (correlation, step.map(|step| std::array::from_fn(|k| step[k])))
}

/// Solves a linear system by elimination with pivoting.
fn gauss(matrix: &[Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let count = right.len();
    let mut rows: Vec<Vec<f64>> =
        matrix.iter().zip(right).map(|(row, right)| row.iter().copied().chain([*right]).collect()).collect();
    for pivot in 0..count {
        let best = (pivot..count).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))?;
        rows.swap(pivot, best);
        if rows[pivot][pivot] == 0.0 {
            return None;
        }
        for row in (0..count).filter(|&row| row != pivot) {
            let factor = rows[row][pivot] / rows[pivot][pivot];
            for column in pivot..=count {
                rows[row][column] -= factor * rows[pivot][column];
            }
        }
    }
    Some((0..count).map(|row| rows[row][count] / rows[row][row]).collect())
}

/// Subtracts the mean of what is inside; what is not becomes 0 if `clear`.
fn subtract_mean(values: &mut [f64], inside: &[bool], clear: bool) {
    let count = inside.iter().filter(|inside| **inside).count() as f64;
    let sum: f64 = values.iter().zip(inside).filter(|(_, inside)| **inside).map(|(value, _)| value).sum();
    for (value, inside) in values.iter_mut().zip(inside) {
        if *inside {
            *value -= sum / count;
        } else if clear {
            *value = 0.0;
        }
    }
}

fn mirrored(plane: &Rows, row: isize, column: isize) -> f64 {
    let row = Continuation::Reflect101.index(row, plane.len());
    plane[row][Continuation::Reflect101.index(column, plane[0].len())]
}

fn filtered(plane: &Rows, value: impl Fn(isize, isize) -> f64) -> Rows {
    let (height, width) = (plane.len().cast_signed(), plane[0].len().cast_signed());
    (0..height).map(|row| (0..width).map(|column| value(row, column)).collect()).collect()
}

fn blurred(plane: &Rows) -> Rows {
    let weights = [1.0, 4.0, 6.0, 4.0, 1.0];
    filtered(plane, |row, column| {
        let mut sum = 0.0;
        for (down, a) in (-2..).zip(weights) {
            for (right, b) in (-2..).zip(weights) {
                sum += a * b / 256.0 * mirrored(plane, row + down, column + right);
            }
        }
        sum
    })
}

fn derivatives(plane: &Rows) -> (Rows, Rows) {
    let half = |a: f64, b: f64| 0.5 * (a - b);
    (
        filtered(plane, |row, column| {
            half(mirrored(plane, row, column + 1), mirrored(plane, row, column - 1))
        }),
        filtered(plane, |row, column| {
            half(mirrored(plane, row + 1, column), mirrored(plane, row - 1, column))
        }),
    )
}

fn warped(plane: &Rows, homography: &Homography) -> Rows {
    let (height, width) = (plane.len() as f64, plane[0].len() as f64);
    let pixel = |x: f64, y: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < width && y < height;
        if inside { plane[y as usize][x as usize] } else { 0.0 }
    };
    filtered(plane, |row, column| {
        let (x, y) = homography.map(column as f64, row as f64);
        let (left, top) = (x.floor(), y.floor());
        let (right, down) = (x - left, y - top);
        (1.0 - down) * ((1.0 - right) * pixel(left, top) + right * pixel(left + 1.0, top))
            + down * ((1.0 - right) * pixel(left, top + 1.0) + right * pixel(left + 1.0, top + 1.0))
    })
}

/// Three blobs on black, seen through a homography.
fn blobs(height: usize, width: usize, homography: &Homography) -> Image {
    let blob = |x: f64, y: f64, centre: (f64, f64), spread: f64| {
        let (x, y) = (x / width as f64 - centre.0, y / height as f64 - centre.1);
        (-(x * x + y * y) / (spread * spread)).exp()
    };
    let mut pixels = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let (x, y) = homography.map(column as f64, row as f64);
            let value = blob(x, y, (0.35, 0.4), 0.15)
                + 0.8 * blob(x, y, (0.65, 0.55), 0.12)
                + 0.6 * blob(x, y, (0.45, 0.7), 0.1);
            pixels.push((200.0 * value).round().clamp(0.0, 255.0) as u8);
        }
    }
    Image::new(1, height, width, pixels).unwrap()
}

fn rows_of(image: &Image) -> Rows {
    image
        .plane(0)
        .chunks(image.width())
        .map(|row| row.iter().map(|pixel| f64::from(*pixel)).collect())
        .collect()
}

fn aligner_for(origin: &Image, perturbed: &Image) -> Aligner {
    let (mut plane, mut aligner) = (Plane::default(), Aligner::default());
    plane.read_luma(origin);
    aligner.set_origin(&plane);
    plane.read_luma(perturbed);
    aligner.set_perturbed(&plane);
    aligner
}

fn found(origin: &Image, perturbed: &Image) -> Alignment {
    align(origin, perturbed, &AlignmentParameters::default()).unwrap()
}

fn grey(height: usize, width: usize, pixel: impl Fn(usize, usize) -> u8) -> Image {
    let pixels = (0..height * width).map(|index| pixel(index / width, index % width)).collect();
    Image::new(1, height, width, pixels).unwrap()
}

prop_compose! {
    /// A homography within about two pixels of the identity.
    fn near_identity()(
        linear in prop::array::uniform4(-0.03_f64..0.03),
        shift in prop::array::uniform2(-1.5_f64..1.5),
        perspective in prop::array::uniform2(-3e-4_f64..3e-4),
    ) -> Homography {
        Homography::new([
            [1.0 + linear[0], linear[1], shift[0]],
            [linear[2], 1.0 + linear[3], shift[1]],
            [perspective[0], perspective[1], 1.0],
        ])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_sweep_equals_the_definition(
        height in 12_usize..70, width in 12_usize..40, start in near_identity(), other in near_identity(),
    ) {
        let (origin, perturbed) = (blobs(height, width, &Homography::IDENTITY), blobs(height, width, &other));
        let (correlation, step) = iterate_reference(&rows_of(&origin), &rows_of(&perturbed), &start);
        let mut aligner = aligner_for(&origin, &perturbed);
        let equations = aligner.equations(&start);
        prop_assert!((equations.correlation().unwrap() - correlation).abs() < 1e-9);
        let (got, expected) = (equations.step().unwrap(), step.unwrap());
        for (got, expected) in got.iter().zip(&expected) {
            prop_assert!((got - expected).abs() <= 1e-6 * (1e-3 + expected.abs()), "{got} instead of {expected}");
        }
    }

    #[test]
    fn a_known_homography_is_found_again(homography in near_identity()) {
        let origin = blobs(48, 48, &Homography::IDENTITY);
        // The perturbed image at H·p shows what the origin shows at p.
        let perturbed = blobs(48, 48, &inverse(&homography));
        let patient = AlignmentParameters { max_iterations: 200, min_improvement: 1e-6 };
        let alignment = align(&origin, &perturbed, &patient).unwrap();
        prop_assert!(alignment.correlation > 0.999, "{alignment:?}");
        for (x, y) in [(15.0, 15.0), (15.0, 33.0), (33.0, 15.0), (33.0, 33.0)] {
            let (got, expected) = (alignment.homography.map(x, y), homography.map(x, y));
            let distance = (got.0 - expected.0).hypot(got.1 - expected.1);
            prop_assert!(distance < 0.15, "({x}, {y}) goes to {got:?} instead of {expected:?}");
        }
    }
}

/// The inverse map, by cofactors.
fn inverse(homography: &Homography) -> Homography {
    let m = homography.matrix();
    let cofactor = |row: usize, column: usize| {
        let (a, b, c, d) = ((row + 1) % 3, (row + 2) % 3, (column + 1) % 3, (column + 2) % 3);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    Homography::new(std::array::from_fn(|row| std::array::from_fn(|column| cofactor(column, row))))
}

#[test]
fn contrast_does_not_matter() {
    let origin = blobs(32, 32, &Homography::IDENTITY);
    let pixels = origin.pixels().iter().map(|pixel| pixel / 2).collect();
    let alignment = found(&origin, &Image::new(1, 32, 32, pixels).unwrap());
    assert_eq!(alignment.status, AlignmentStatus::Converged);
    assert!(alignment.correlation > 0.999);
}

#[test]
fn a_constant_image_has_no_correlation() {
    let origin = blobs(28, 28, &Homography::IDENTITY);
    for level in [0, 1, 128, 255] {
        let constant = grey(28, 28, |_, _| level);
        for (a, b) in [(&origin, &constant), (&constant, &origin), (&constant, &constant)] {
            let expected = Alignment {
                status: AlignmentStatus::NotDefined,
                iterations: 1,
                correlation: 0.0,
                homography: Homography::IDENTITY,
            };
            assert_eq!(found(a, b), expected, "level {level}");
        }
    }
}

#[test]
fn stripes_leave_the_homography_open() {
    let vertical = grey(28, 28, |_, column| if column % 8 < 4 { 200 } else { 20 });
    let alignment = found(&vertical, &vertical);
    assert_eq!(alignment.status, AlignmentStatus::Singular);
    assert!((alignment.correlation - 1.0).abs() < 1e-12);
    assert_eq!(alignment.homography, Homography::IDENTITY);
}

#[test]
fn a_negative_cannot_be_aligned() {
    let origin = blobs(28, 28, &Homography::IDENTITY);
    let negative = Image::new(1, 28, 28, origin.pixels().iter().map(|pixel| 255 - pixel).collect()).unwrap();
    let alignment = found(&origin, &negative);
    assert_eq!(alignment.status, AlignmentStatus::Diverged);
    assert!((alignment.correlation + 1.0).abs() < 1e-9);
}

#[test]
fn a_search_that_ends_below_its_start_is_not_used() {
    let mut progress = Progress::default();
    progress.record(0.5);
    progress.homography = Homography::new([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]);
    progress.record(0.499);
    let alignment = progress.finish(AlignmentStatus::Converged, 1e-3);
    assert_eq!(alignment.status, AlignmentStatus::WorseThanIdentity);
    assert_eq!((alignment.homography, alignment.correlation), (Homography::IDENTITY, 0.5));
}

#[test]
fn the_iteration_limit_keeps_what_was_found() {
    let shift = Homography::new([[1.0, 0.0, 1.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    let (origin, perturbed) = (blobs(32, 32, &Homography::IDENTITY), blobs(32, 32, &shift));
    let parameters = AlignmentParameters { max_iterations: 2, min_improvement: 0.0 };
    let alignment = align(&origin, &perturbed, &parameters).unwrap();
    assert_eq!((alignment.status, alignment.iterations), (AlignmentStatus::IterationLimit, 2));
    assert_ne!(alignment.homography, Homography::IDENTITY);
}

#[test]
fn tiny_images_end_with_a_status() {
    for (height, width) in [(1, 1), (1, 9), (2, 2), (9, 1), (3, 5)] {
        let image = grey(height, width, |row, column| (row * 31 + column * 57) as u8);
        let alignment = found(&image, &image);
        assert!(alignment.correlation.is_finite(), "{height}×{width}: {alignment:?}");
    }
}
