//! [`ProjectedGradient`]: signed steps down the loss within a ball around the origin, the smallest ball that suffices.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::course::{Course, Seen, real};
use crate::image::Image;
use crate::outcome::NotReached;

/// The first radius, in grey levels; it doubles until the criterion holds. A ball that suffices is left after a step or
/// two, and one that does not after all of them, so it is rather too large.
const FIRST_RADIUS: u8 = 64;
/// So many times the radius all steps together could go: to any place in the ball, and along its faces.
const REACH: f64 = 2.5;

/// How the steps are taken.
///
/// `x ← clip( x − α · sign ∇loss(x) )`, where clip keeps `‖x − x_o‖∞ ≤ ε` and 0 ≤ x ≤ 255, so many times or until the
/// criterion holds, with α = 2.5 ε / iterations. The loss is −log p of what the criterion asks for. The smallest whole ε
/// for which it comes to hold is found by doubling and bisection, as if all larger ones sufficed, too.
///
/// Source: Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards deep learning models resistant to adversarial attacks",
/// section 2.1; Kurakin, Goodfellow, Bengio, "Adversarial examples in the physical world", section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectedGradient {
    /// The largest ε that is tried, in grey levels.
    pub max_radius: u8,
    /// How many steps are taken within each ball at most.
    pub iterations: usize,
    /// Whether each ball is entered at a place drawn with this seed, instead of at the origin.
    pub random_start: Option<u64>,
}

impl Default for ProjectedGradient {
    /// All radii, forty steps, from the origin.
    fn default() -> Self {
        Self { max_radius: 255, iterations: 40, random_start: None }
    }
}

pub(super) struct Walk {
    options: ProjectedGradient,
    origin: Vec<f64>,
    /// The gradient at the origin, where every ball is entered without a draw.
    at_origin: Vec<f32>,
    point: Vec<f64>,
    radius: u8,
    /// Steps that were taken in this ball.
    taken: usize,
    /// The largest radius that did not suffice, and the smallest that did.
    failed: u8,
    held: Option<u8>,
    has_ended: bool,
}

impl Walk {
    pub(super) fn new(options: ProjectedGradient, origin: &Image) -> Self {
        let origin = real(origin);
        let mut walk = Self {
            options,
            point: origin.clone(),
            origin,
            at_origin: Vec::new(),
            radius: FIRST_RADIUS.min(options.max_radius),
            taken: 0,
            failed: 0,
            held: None,
            has_ended: false,
        };
        walk.enter();
        walk
    }

    /// Begins the walk in the ball of this radius.
    fn enter(&mut self) {
        self.taken = 0;
        self.point.clone_from(&self.origin);
        if let Some(seed) = self.options.random_start {
            let mut random = Pcg64::seed_from_u64(seed ^ self.digest());
            for point in &mut self.point {
                let share = f64::from(random.next_u32()) / f64::from(u32::MAX);
                *point = (*point + f64::from(self.radius) * (2.0 * share - 1.0)).clamp(0.0, 255.0);
            }
        } else if !self.at_origin.is_empty() {
            let gradient = std::mem::take(&mut self.at_origin);
            self.step(&gradient);
            self.at_origin = gradient;
        }
    }

    /// What draws depend on besides the seed: the pixels and the radius, and nothing of other attempts (FNV-1a).
    fn digest(&self) -> u64 {
        let bytes = self.origin.iter().map(|&pixel| pixel as u8).chain([self.radius]);
        bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    fn step(&mut self, gradient: &[f32]) {
        let radius = f64::from(self.radius);
        let length = (REACH * radius / self.options.iterations as f64).min(radius);
        for ((point, origin), slope) in self.point.iter_mut().zip(&self.origin).zip(gradient) {
            if *slope != 0.0 {
                let moved = *point - length * f64::from(slope.signum());
                *point = moved.clamp((origin - radius).max(0.0), (origin + radius).min(255.0));
            }
        }
        self.taken += 1;
    }

    /// The next radius, once it is known whether this one suffices.
    fn resize(&mut self) {
        let next = match self.held {
            Some(held) => self.failed.midpoint(held),
            None if self.radius >= self.options.max_radius => self.radius,
            None => self.radius.saturating_mul(2).min(self.options.max_radius),
        };
        if next == self.failed || Some(next) == self.held {
            self.has_ended = true;
        } else {
            self.radius = next;
            self.enter();
        }
    }

    /// L∞ of the perturbation after rounding, which may be less than the radius.
    fn linf(&self) -> u8 {
        let moved = self.point.iter().zip(&self.origin).map(|(point, origin)| (point.round() - origin).abs());
        moved.fold(0.0_f64, f64::max) as u8
    }
}

impl Course for Walk {
    fn ask(&self) -> Option<&[f64]> {
        (!self.has_ended).then_some(&self.point)
    }

    fn tell(&mut self, seen: &Seen<'_>) {
        if self.options.random_start.is_none() && self.at_origin.is_empty() {
            self.at_origin = seen.gradient.to_vec();
        }
        if seen.holds {
            self.held = Some(self.linf());
            self.resize();
        } else if self.taken >= self.options.iterations {
            self.failed = self.radius;
            self.resize();
        } else {
            self.step(seen.gradient);
        }
    }

    fn reason(&self) -> NotReached {
        if self.failed >= self.options.max_radius {
            NotReached::StepLimit
        } else {
            NotReached::IterationLimit
        }
    }
}
