//! [`Ray`]: the 8-bit images that lie on an origin plus any step along a direction, and the steps where they change.
//!
//! Everything is decided by the one formula of [`level`], never by a second way of computing the same thing: a step where
//! a pixel switches is found by asking the formula, so it is exact to the last bit of the step.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use std::cmp::Ordering;

use crate::direction::Direction;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::measure::with_widest_registers;

/// So many numbers around a guess of a step are tried at once.
const NEAR: u64 = 8;

/// An origin and a direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ray<'a> {
    shape: [usize; 3],
    origin: &'a [u8],
    slopes: &'a [f32],
    linf: f64,
}

impl<'a> Ray<'a> {
    /// # Errors
    /// [`Error::ImageSize`] if the direction has another shape than the origin.
    pub(crate) fn new(origin: &'a Image, direction: &'a Direction) -> Result<Self> {
        if origin.shape() != direction.shape() {
            let (got, expected) = (origin.shape(), direction.shape());
            return Err(Error::ImageSize { role: "origin", got, expected });
        }
        Ok(Self {
            shape: origin.shape(),
            origin: origin.pixels(),
            slopes: direction.values(),
            linf: f64::from(direction.linf()),
        })
    }

    pub(crate) fn pixel_count(&self) -> usize {
        self.origin.len()
    }

    /// The image at `step` ≥ 0.
    pub(crate) fn write(&self, step: f64, pixels: &mut [u8]) {
        let scale = self.scale(step);
        with_widest_registers(
            #[inline(always)]
            || {
                for ((out, &origin), &slope) in pixels.iter_mut().zip(self.origin).zip(self.slopes) {
                    *out = whole(level(origin, slope, scale)) as u8;
                }
            },
        );
    }

    /// The image at `step` along this ray and `other_step` along another one of the same origin, of either sign: the
    /// pixels move by the sum of both, which is rounded once.
    pub(crate) fn write_in_plane(&self, step: f64, other: &Self, other_step: f64, pixels: &mut [u8]) {
        let scale = |ray: &Self, step: f64| (step / ray.linf).clamp(-f64::MAX, f64::MAX);
        let (scale, other_scale) = (scale(self, step), scale(other, other_step));
        let slopes = self.slopes.iter().zip(other.slopes);
        for ((out, &origin), (&slope, &other_slope)) in pixels.iter_mut().zip(self.origin).zip(slopes) {
            let change = scale * f64::from(slope) + other_scale * f64::from(other_slope);
            *out = whole(moved(origin, change)) as u8;
        }
    }

    pub(crate) fn image(&self, step: f64) -> Image {
        let mut pixels = vec![0; self.origin.len()];
        self.write(step, &mut pixels);
        let [channels, height, width] = self.shape;
        Image::new(channels, height, width, pixels).expect("as many pixels as the origin")
    }

    /// The sum of |difference| over all pixels of the images at two steps; zero only if they are the same image.
    pub(crate) fn level_changes(&self, lo: f64, hi: f64) -> usize {
        let (lo, hi) = (self.scale(lo), self.scale(hi));
        with_widest_registers(
            #[inline(always)]
            || {
                let mut sum = 0;
                for (&origin, &slope) in self.origin.iter().zip(self.slopes) {
                    sum += whole((level(origin, slope, hi) - level(origin, slope, lo)).abs());
                }
                sum as usize
            },
        )
    }

    /// Every step in (`lo`, `hi`] at which the image changes, ascending: the smallest step of each image after `lo`'s.
    pub(crate) fn switching_steps(&self, lo: f64, hi: f64) -> Vec<f64> {
        let mut steps = Vec::with_capacity(self.level_changes(lo, hi));
        with_widest_registers(
            #[inline(always)]
            || {
                for (&origin, &slope) in self.origin.iter().zip(self.slopes) {
                    let from = level(origin, slope, self.scale(lo));
                    let to = level(origin, slope, self.scale(hi));
                    let mut below = lo;
                    for passed in 1..=whole((to - from).abs()) {
                        let passed = passed as f64;
                        let level = if slope > 0.0 { from + passed } else { from - passed };
                        below = self.switching_step(origin, slope, level, (below, hi));
                        steps.push(below.to_bits());
                    }
                }
            },
        );
        // The bits of positive numbers are ordered like the numbers, and whole numbers are sorted faster.
        steps.sort_unstable();
        steps.dedup();
        steps.into_iter().map(f64::from_bits).collect()
    }

    /// The step from which on the image never changes again; 0 if no pixel can move.
    pub(crate) fn last_step(&self) -> f64 {
        let limit = |slope: f32| if slope > 0.0 { 255 } else { 0 };
        let can_move = |x: u8, slope: f32| slope != 0.0 && x != limit(slope);
        let mut rough = vec![0.0; self.origin.len()];
        with_widest_registers(
            #[inline(always)]
            || {
                for ((step, &x), &slope) in rough.iter_mut().zip(self.origin).zip(self.slopes) {
                    let arrival = self.rough_step(x, slope, f64::from(limit(slope)));
                    *step = if can_move(x, slope) { arrival } else { 0.0 };
                }
            },
        );
        let latest = rough.iter().copied().fold(0.0, f64::max);
        // Rough steps are good to ten digits at least, so only those near the latest can be the last.
        let late = rough.iter().enumerate().filter(|&(_, &step)| step > 0.0 && step >= latest * (1.0 - 1e-9));
        late.map(|(index, _)| (self.origin[index], self.slopes[index]))
            .map(|(x, slope)| self.switching_step(x, slope, f64::from(limit(slope)), (0.0, f64::MAX)))
            .fold(0.0, f64::max)
    }

    /// The step at which the fastest of the pixels that have room for `linf` grey levels has moved by so many; if none has,
    /// by as many as any has room for. 0 if no pixel can move.
    pub(crate) fn step_of_linf(&self, linf: u8) -> f64 {
        let room = |x: u8, slope: f32| match slope.partial_cmp(&0.0) {
            Some(Ordering::Greater) => u8::MAX - x,
            Some(Ordering::Less) => x,
            _ => 0,
        };
        let movable =
            || self.origin.iter().zip(self.slopes).map(|(&x, &slope)| (room(x, slope), slope.abs()));
        let reached = movable().map(|(room, _)| room).max().unwrap_or(0).min(linf);
        let able = movable().filter(|&(room, _)| room >= reached);
        let fastest = able.map(|(_, speed)| speed).fold(0.0, f32::max);
        f64::from(reached) * self.linf / f64::from(fastest)
    }

    /// s/‖η‖∞, finite, so that a pixel that does not move times the longest step stays where it is.
    #[inline(always)]
    fn scale(&self, step: f64) -> f64 {
        (step / self.linf).min(f64::MAX)
    }

    /// The smallest step at which a pixel has come to `to`, which it has at `hi` but not at `lo`.
    #[inline(always)]
    fn switching_step(&self, origin: u8, slope: f32, to: f64, (lo, hi): (f64, f64)) -> f64 {
        // The bits of positive numbers are ordered like the numbers, so bisection on them ends at neighbours.
        let reached = |bits: u64| self.is_reached(origin, slope, to, f64::from_bits(bits));
        let (mut below, mut above) = (lo.to_bits(), hi.to_bits());
        let guess = self.rough_step(origin, slope, to).clamp(lo, hi).to_bits();
        // The guess is off by a few units in the last place: its neighbours are asked all at once.
        let first = guess.saturating_sub(NEAR / 2);
        let mut before = 0;
        for next in 0..NEAR {
            before += u64::from(!reached((first + next).clamp(below, above)));
        }
        if (1..NEAR).contains(&before) {
            return f64::from_bits((first + before).clamp(below, above));
        }
        // Or it is off by more: gallop to a bracket around the switch.
        let mut stride = NEAR;
        if guess > below && guess < above {
            if before == 0 {
                above = guess;
                while above - below > stride && reached(above - stride) {
                    above -= stride;
                    stride *= 2;
                }
                below = below.max(above.saturating_sub(stride));
            } else {
                below = guess;
                while above - below > stride && !reached(below + stride) {
                    below += stride;
                    stride *= 2;
                }
                above = above.min(below.saturating_add(stride));
            }
        }
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if reached(middle) {
                above = middle;
            } else {
                below = middle;
            }
        }
        f64::from_bits(above)
    }

    /// Whether a pixel has come to `to` at `step`.
    #[inline(always)]
    fn is_reached(&self, origin: u8, slope: f32, to: f64, step: f64) -> bool {
        let level = level(origin, slope, self.scale(step));
        if slope > 0.0 { level >= to } else { level <= to }
    }

    /// Where a pixel comes to `level` in real numbers.
    #[inline(always)]
    fn rough_step(&self, origin: u8, slope: f32, to: f64) -> f64 {
        let half = if slope > 0.0 { -0.5 } else { 0.5 };
        (to + half - f64::from(origin)) / f64::from(slope) * self.linf
    }
}

/// clamp(round(x + s/‖η‖∞ · η), 0, 255), halves away from zero, with `scale` = s/‖η‖∞: a whole number.
///
/// The product is a double, what follows is exact: x is not added before rounding, which would cost the last bits of
/// small steps and let equal slopes switch at different steps. Monotone in `scale`, because every operation in it is.
#[inline(always)]
fn level(origin: u8, slope: f32, scale: f64) -> f64 {
    moved(origin, scale * f64::from(slope))
}

/// clamp(round(x + change), 0, 255), halves away from zero: a whole number.
#[inline(always)]
fn moved(origin: u8, change: f64) -> f64 {
    // No pixel moves further than 255.
    let change = change.clamp(-256.0, 256.0);
    let whole = change.trunc();
    let rest = change - whole;
    // Where the sum is negative it becomes 0 anyhow; where it is not, away from zero means up.
    let up = if rest >= 0.5 { 1.0 } else { 0.0 };
    let down = if rest < -0.5 { 1.0 } else { 0.0 };
    (f64::from(origin) + (whole + up - down)).clamp(0.0, 255.0)
}

/// The whole number from 0 on that `value` is. All of them stand in the low bits of 2⁵² + value, which vectorises where
/// a conversion does not.
#[inline(always)]
fn whole(value: f64) -> u64 {
    const UNIT: f64 = (1_u64 << 52) as f64;
    (UNIT + value).to_bits() - UNIT.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ray_of(origin: &[u8], slopes: &[f32]) -> (Image, Direction) {
        let shape = [1, 1, origin.len()];
        (
            Image::new(1, 1, origin.len(), origin.to_vec()).unwrap(),
            Direction::new(shape, slopes.to_vec()).unwrap(),
        )
    }

    /// The formula in whole numbers: a double is a whole number over a power of two.
    fn pixel_reference(origin: u8, slope: f32, scale: f64) -> u8 {
        let unit = 2.0_f64.powi(60);
        // Behind 2⁻⁶⁰ the product cannot reach another side of a half, but for being exactly zero.
        let product = scale * f64::from(slope);
        let change = (product.clamp(-300.0, 300.0) * unit) as i128;
        let sum = i128::from(origin) * unit as i128 + change;
        let half = unit as i128 / 2;
        let tiny = i128::from(product < 0.0 && change == 0);
        ((sum - tiny + half).div_euclid(unit as i128)).clamp(0, 255) as u8
    }

    /// Every switch of the ray up to `hi`, found by bisecting between images that differ until steps are neighbours.
    fn switches_reference(ray: &Ray, lo: f64, hi: f64, found: &mut Vec<f64>) {
        if ray.image(lo) == ray.image(hi) {
            return;
        }
        if lo.to_bits() + 1 == hi.to_bits() {
            found.push(hi);
            return;
        }
        let middle = f64::from_bits(lo.to_bits().midpoint(hi.to_bits()));
        switches_reference(ray, lo, middle, found);
        switches_reference(ray, middle, hi, found);
    }

    #[test]
    fn halves_round_away_from_zero_and_pixels_stay_in_range() {
        let (origin, direction) = ray_of(&[10, 10, 0, 255, 254, 1], &[1.0, -1.0, -1.0, 1.0, 1.0, 0.0]);
        let ray = Ray::new(&origin, &direction).unwrap();
        assert_eq!(ray.image(0.5).pixels(), [11, 10, 0, 255, 255, 1]);
        assert_eq!(ray.image(1.5).pixels(), [12, 9, 0, 255, 255, 1]);
        assert_eq!(ray.image(1e300).pixels(), [255, 0, 0, 255, 255, 1]);
    }

    #[test]
    fn a_sign_direction_switches_at_halves_upward_and_just_behind_them_downward() {
        let (origin, direction) = ray_of(&[10, 210, 10, 0], &[1.0, 1.0, -1.0, -1.0]);
        let ray = Ray::new(&origin, &direction).unwrap();
        let expected = [0.5, 0.5_f64.next_up(), 1.5, 1.5_f64.next_up()];
        assert_eq!(ray.switching_steps(0.0, 2.0), expected);
    }

    #[test]
    fn the_last_step_is_where_the_last_pixel_arrives() {
        let (origin, direction) = ray_of(&[0, 255, 7], &[0.25, 1.0, 0.0]);
        let ray = Ray::new(&origin, &direction).unwrap();
        assert!((ray.last_step() - 4.0 * 254.5).abs() < 1e-9);
        let (white, up) = ray_of(&[255, 255], &[1.0, 2.0]);
        assert_eq!(Ray::new(&white, &up).unwrap().last_step().to_bits(), 0);
    }

    #[test]
    fn a_norm_is_that_of_the_fastest_pixel_with_room_for_it() {
        let (origin, direction) = ray_of(&[200, 100, 7, 7], &[-2.0, 1.0, -1.5, 0.0]);
        let ray = Ray::new(&origin, &direction).unwrap();
        let pixels = |linf: u8| ray.image(ray.step_of_linf(linf)).pixels().to_vec();
        assert_eq!(ray.step_of_linf(128).to_bits(), 128.0_f64.to_bits());
        assert_eq!(pixels(7), [193, 104, 2, 7]);
        assert_eq!(pixels(128), [72, 164, 0, 7]);
        assert_eq!(pixels(200), [0, 200, 0, 7], "the first has room for just so many");
        assert_eq!(pixels(255), pixels(200), "and none for more");
        let (faster, other) = ray_of(&[30, 100], &[-2.0, 1.0]);
        let ray = Ray::new(&faster, &other).unwrap();
        assert_eq!(ray.image(ray.step_of_linf(128)).pixels(), [0, 228], "the slower one goes on");
        let (white, up) = ray_of(&[255, 255], &[1.0, 2.0]);
        assert_eq!(Ray::new(&white, &up).unwrap().step_of_linf(9).to_bits(), 0);
    }

    #[test]
    fn the_axes_of_a_plane_are_its_rays() {
        let (origin, first) = ray_of(&[10, 10, 0, 255, 7], &[1.0, -1.0, 0.3, 0.7, 0.0]);
        let (_, second) = ray_of(&[0; 5], &[-3.0, 2.0, 0.5, -0.25, 1.0]);
        let (first, second) = (Ray::new(&origin, &first).unwrap(), Ray::new(&origin, &second).unwrap());
        let mut pixels = [0; 5];
        for step in [0.0, 0.5, 1.0, 2.5, 300.0] {
            first.write_in_plane(step, &second, 0.0, &mut pixels);
            assert_eq!(pixels, first.image(step).pixels());
            first.write_in_plane(0.0, &second, step, &mut pixels);
            assert_eq!(pixels, second.image(step).pixels());
        }
        // −2 and 4 · −3 / 3 for the first pixel, 2 and 4 · 2 / 3 for the second, which is rounded behind the sum.
        first.write_in_plane(-2.0, &second, 4.0, &mut pixels);
        assert_eq!(pixels[..2], [4, 15]);
    }

    #[test]
    fn an_origin_of_another_shape_is_refused() {
        let (origin, _) = ray_of(&[1, 2], &[1.0, 1.0]);
        let direction = Direction::new([1, 2, 1], vec![1.0, 1.0]).unwrap();
        let message = Ray::new(&origin, &direction).unwrap_err().to_string();
        assert_eq!(message, "the origin has 1×1×2 pixels, expected 1×2×1 (channels × height × width)");
    }

    fn slope() -> impl Strategy<Value = f32> {
        prop_oneof![
            -1.0_f32..1.0,
            Just(1.0_f32),
            Just(-1.0_f32),
            Just(0.0_f32),
            Just(0.5_f32),
            (-30_i32..0).prop_map(|exponent| 10.0_f32.powi(exponent)),
        ]
    }

    proptest! {
        #[test]
        fn the_pixel_is_the_formula(origin: u8, slope in slope(), step in 0.0..600.0_f64) {
            for scale in [step, step.round() / 2.0] {
                prop_assert_eq!(whole(level(origin, slope, scale)), u64::from(pixel_reference(origin, slope, scale)));
            }
        }

        #[test]
        fn switching_steps_are_all_switches_and_nothing_else(
            pixels in prop::collection::vec((any::<u8>(), slope()), 1..5),
            from in 0.0..50.0_f64,
            length in 0.0..6.0_f64,
        ) {
            let (origin, slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
            prop_assume!(slopes.iter().any(|slope| *slope != 0.0));
            let (origin, direction) = ray_of(&origin, &slopes);
            let ray = Ray::new(&origin, &direction).unwrap();
            let mut expected = Vec::new();
            switches_reference(&ray, from, from + length, &mut expected);
            prop_assert_eq!(ray.switching_steps(from, from + length), expected);
        }

        #[test]
        fn no_image_of_a_ray_has_a_norm_between_the_one_that_is_found_and_the_one_asked_for(
            pixels in prop::collection::vec((any::<u8>(), slope()), 1..9),
            linf in 1..=255_u8,
        ) {
            let (origin, slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
            prop_assume!(slopes.iter().any(|slope| *slope != 0.0));
            let (origin, direction) = ray_of(&origin, &slopes);
            let ray = Ray::new(&origin, &direction).unwrap();
            let norm = |step: f64| {
                let image = ray.image(step);
                let changes = image.pixels().iter().zip(origin.pixels()).map(|(&a, &b)| a.abs_diff(b));
                changes.max().unwrap()
            };
            prop_assert_eq!(norm(ray.step_of_linf(linf)), norm(ray.last_step()).min(linf));
        }

        #[test]
        fn nothing_changes_behind_the_last_step(
            pixels in prop::collection::vec((any::<u8>(), slope()), 1..9),
        ) {
            let (origin, slopes): (Vec<u8>, Vec<f32>) = pixels.into_iter().unzip();
            prop_assume!(slopes.iter().any(|slope| *slope != 0.0));
            let (origin, direction) = ray_of(&origin, &slopes);
            let ray = Ray::new(&origin, &direction).unwrap();
            let last = ray.last_step();
            prop_assert_eq!(ray.level_changes(last, f64::MAX), 0);
            if last > 0.0 {
                prop_assert!(ray.level_changes(last.next_down(), last) > 0);
            }
        }
    }
}
