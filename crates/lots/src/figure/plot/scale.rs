//! [`Scale`]: from numbers to places on an axis, and the round numbers that stand at it.

/// An axis between two places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// The numbers at both ends, different.
    pub(super) range: [f64; 2],
    /// The places of both ends, in pixels.
    pub(super) ends: [f32; 2],
}

impl Scale {
    pub(super) fn place(&self, value: f64) -> f32 {
        let share = (value - self.range[0]) / (self.range[1] - self.range[0]);
        self.ends[0] + share.clamp(0.0, 1.0) as f32 * (self.ends[1] - self.ends[0])
    }

    /// Round numbers within the range, 0 among them if it is, so few that there are at least `gap` pixels between two.
    pub(super) fn ticks(&self, gap: f32) -> Vec<f64> {
        let [first, last] = self.range;
        let most = f64::from(((self.ends[1] - self.ends[0]).abs() / gap).max(1.0));
        let step = round_step((last - first) / most);
        let counts = (first / step).ceil() as i64..=(last / step).floor() as i64;
        counts.map(|count| count as f64 * step).collect()
    }
}

/// The smallest of …, 1, 2, 5, 10, 20, … that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10.0_f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|&step| step >= least)
        .unwrap_or(10.0 * power)
}

/// A number at an axis: no more digits than tell neighbours apart, a true minus.
pub(super) fn text(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded }).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_with_room_between() {
        for (range, expected) in [
            ([0.0, 255.0], vec![0.0, 50.0, 100.0, 150.0, 200.0, 250.0]),
            ([-255.0, 255.0], vec![-200.0, -100.0, 0.0, 100.0, 200.0]),
            ([-0.7, 3.1], vec![0.0, 1.0, 2.0, 3.0]),
            ([2.0, 2.5], vec![2.0, 2.1, 2.2, 2.3, 2.4, 2.5]),
        ] {
            let ticks = Scale { range, ends: [0.0, 1000.0] }.ticks(160.0);
            assert!(
                ticks.len() == expected.len()
                    && ticks.iter().zip(&expected).all(|(got, expected)| (got - expected).abs() < 1e-9),
                "{ticks:?}"
            );
        }
    }

    #[test]
    fn numbers_are_written_without_needless_digits() {
        for (value, expected) in [(0.0, "0"), (-0.0, "0"), (-50.0, "−50"), (0.1 + 0.2, "0.3"), (255.0, "255")]
        {
            assert_eq!(text(value), expected);
        }
    }
}
