use super::*;
use crate::data::digits;
use crate::direction;
use crate::embedded;
use crate::line_search::{Ray, image_at};

fn four_toward_nine(layer: &str) -> (Network, Image, Direction) {
    let network = embedded::lenet();
    let (four, nine) = (digits::load().images()[4].clone(), digits::targets().images()[9].clone());
    let direction = direction::toward(&network, layer, &four, &nine).unwrap();
    (network, four, direction)
}

/// What the network says of one image that is alone in its batch.
fn read_alone(network: &Network, image: &Image, origin_class: usize) -> Reading {
    Reading::of(network.classify(image.pixels()).unwrap().image(0), origin_class)
}

#[test]
fn a_ray_is_what_its_images_are_one_by_one() {
    let (network, four, direction) = four_toward_nine("ip1");
    let against = reversed(&direction).unwrap();
    let extent = RayExtent { limit: 50, signs: Signs::Both, max_step: 300.0 };
    let ray = RayClasses::along(&network, &four, &direction, &extent, &mut |_| {}).unwrap();
    assert_eq!((ray.coverage, ray.points.len()), (Coverage::EvenlySpread, 2 * 49 + 1));
    for point in &ray.points {
        let along = if point.step < 0.0 { &against } else { &direction };
        let image = image_at(&four, along, point.step.abs()).unwrap();
        assert_eq!(point.reading, read_alone(&network, &image, 4), "{}", point.step);
        assert_eq!(point.reading.class == 4, point.reading.margin > 0.0);
    }
}

#[test]
fn each_image_of_a_short_ray_is_looked_at_once() {
    let (network, four, direction) = four_toward_nine("conv2");
    let extent = RayExtent { max_step: 2.0, ..RayExtent::default() };
    let mut classified = 0;
    let ray =
        RayClasses::along(&network, &four, &direction, &extent, &mut |count| classified += count).unwrap();
    let expected = Ray::new(&four, &direction).unwrap().switching_steps(0.0, 2.0);
    assert_eq!(ray.coverage, Coverage::EachImage);
    assert_eq!(ray.points[1..].iter().map(|point| point.step).collect::<Vec<_>>(), expected);
    assert_eq!(classified, ray.points.len());
}

#[test]
fn classes_change_between_intervals_and_nowhere_else() {
    let (network, four, direction) = four_toward_nine("conv2");
    let extent = RayExtent { limit: 200, signs: Signs::Both, ..RayExtent::default() };
    let ray = RayClasses::along(&network, &four, &direction, &extent, &mut |_| {}).unwrap();
    let (intervals, changes) = (ray.intervals(), ray.changes(&four, &direction).unwrap());
    assert!(!changes.is_empty() && intervals.len() == changes.len() + 1);
    for (pair, change) in intervals.windows(2).zip(&changes) {
        assert_eq!((pair[0].to, pair[1].from), (change.lo, change.hi));
        assert_eq!((pair[0].class, pair[1].class), (change.from_class, change.to_class));
        assert!(change.l2 > 0.0 && f64::from(change.linf) <= change.l2);
    }
}

#[test]
fn a_plane_is_what_its_images_are_one_by_one() {
    let (network, four, first) = four_toward_nine("conv1");
    let (_, _, second) = four_toward_nine("ip2");
    let extent = PlaneExtent { grid: 7, signs: Signs::Both, max_step: 120.0 };
    let plane = PlaneClasses::over(&network, &four, [&first, &second], &extent, &mut |_| {}).unwrap();
    assert_eq!(plane.steps, [-120.0, -80.0, -40.0, 0.0, 40.0, 80.0, 120.0]);
    for (row, &up) in plane.steps.iter().enumerate() {
        for (column, &across) in plane.steps.iter().enumerate() {
            let image = image_in_plane(&four, [&first, &second], [across, up]).unwrap();
            assert_eq!(plane.at(column, row), read_alone(&network, &image, 4), "{across}, {up}");
        }
    }
    assert!((plane.shares().iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn threads_change_nothing() {
    let (network, four, direction) = four_toward_nine("conv1");
    let maps = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let extent = RayExtent { limit: 100, ..RayExtent::default() };
        pool.install(|| RayClasses::along(&network, &four, &direction, &extent, &mut |_| {}).unwrap())
    });
    assert_eq!(maps[0], maps[1]);
}

#[test]
fn an_extent_without_images_is_refused() {
    let (network, four, direction) = four_toward_nine("conv1");
    for (extent, message) in [
        (RayExtent { limit: 1, ..RayExtent::default() }, "the number of images is 1, expected 2 or more"),
        (RayExtent { max_step: 0.0, ..RayExtent::default() }, "the longest step is 0, expected more than 0"),
    ] {
        let error = RayClasses::along(&network, &four, &direction, &extent, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
