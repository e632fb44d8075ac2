//! [`Narrowing`]: from any bracket of steps to one without another image inside.
//!
//! The margin of the criterion is nearly a smooth function of the step, so a secant through the ends of the bracket points
//! at the crossing; the end that stays is pulled after the rule of Anderson and Björck, and bisection steps in when the
//! bracket does not shrink. Near the crossing the steps where the image changes are enumerated exactly, and the search
//! goes on among them; it ends when two are neighbours.
//!
//! Source: Anderson, Björck, "A new high order method of regula falsi type for computing a root of an equation", BIT 13
//! (1973).

use super::ray::Ray;
use super::{Bracket, Crossing, Verdict};

/// So many single changes of a pixel are enumerated without a second thought: it costs less than judging one image.
const ENUMERABLE: usize = 1024;

/// So often the bracket may fail to halve before it is bisected.
const PATIENCE: usize = 5;

/// An end of the bracket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) step: f64,
    /// The margin there, or what the secant takes it for.
    pub(super) margin: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Narrowing {
    lo: Point,
    hi: Point,
    /// The side that moved last: whether the criterion held there.
    moved: Option<bool>,
    /// The length of the bracket when it last halved, and how often it failed to since.
    length: f64,
    stalls: usize,
    lattice: Option<Lattice>,
}

/// The steps at which the image changes, those that are still possible for `hi`.
#[derive(Clone, Debug)]
struct Lattice {
    steps: Vec<f64>,
    first: usize,
    last: usize,
}

impl Narrowing {
    /// The criterion does not hold at `lo` and holds at `hi`.
    pub(super) fn new(lo: Point, hi: Point) -> Self {
        Self { lo, hi, moved: None, length: f64::INFINITY, stalls: 0, lattice: None }
    }

    /// The step to be judged next; `None` when the bracket is tight.
    pub(super) fn step(&mut self, ray: &Ray<'_>) -> Option<f64> {
        loop {
            self.enumerate_if_few(ray);
            if let Some(lattice) = &self.lattice {
                return self.lattice_step(lattice);
            }
            let step = self.aim().unwrap_or_else(|| self.lo.step.midpoint(self.hi.step));
            // An image that is known needs no judge.
            if ray.level_changes(self.lo.step, step) == 0 {
                self.lo.step = step;
            } else if ray.level_changes(step, self.hi.step) == 0 {
                self.hi.step = step;
            } else {
                return Some(step);
            }
            self.count_stalls();
        }
    }

    /// The verdict on the image at `step`, which [`Self::step`] had returned.
    pub(super) fn tell(&mut self, step: f64, verdict: Verdict) {
        let point = Point { step, margin: verdict.margin };
        let (moving, staying) =
            if verdict.holds { (&mut self.hi, &mut self.lo) } else { (&mut self.lo, &mut self.hi) };
        if self.moved == Some(verdict.holds) {
            let pull = 1.0 - point.margin / moving.margin;
            staying.margin *= if pull > 0.0 { pull } else { 0.5 };
        }
        *moving = point;
        self.moved = Some(verdict.holds);
        if let Some(lattice) = &mut self.lattice {
            let index = lattice.steps.partition_point(|&known| known < step);
            if verdict.holds {
                lattice.last = index;
            } else {
                lattice.first = index + 1;
            }
        }
        self.count_stalls();
    }

    /// The bracket, which is tight once [`Self::step`] has returned `None`.
    pub(super) fn bracket(&self, crossing: Crossing) -> Bracket {
        let hi = self.lattice.as_ref().map_or(self.hi.step, |lattice| lattice.steps[lattice.last]);
        Bracket { lo: self.lo.step, hi, crossing }
    }

    fn enumerate_if_few(&mut self, ray: &Ray<'_>) {
        let (lo, hi) = (self.lo.step, self.hi.step);
        // Within one grey level no pixel changes more than twice, and behind 2³⁰ grey levels steps become coarse.
        let short = hi - lo <= 1.0 || hi - lo <= hi * 1e-9;
        if self.lattice.is_none() && (short || ray.level_changes(lo, hi) <= ENUMERABLE) {
            let steps = ray.switching_steps(lo, hi);
            let last = steps.len().saturating_sub(1);
            self.lattice = (!steps.is_empty()).then_some(Lattice { steps, first: 0, last });
            (self.length, self.stalls) = (f64::INFINITY, 0);
        }
    }

    fn lattice_step(&self, lattice: &Lattice) -> Option<f64> {
        if lattice.first == lattice.last {
            return None;
        }
        let index = match self.aim() {
            // The image that the aim falls into: its step is the last one not behind the aim.
            Some(aim) => lattice.steps.partition_point(|&step| step <= aim).saturating_sub(1),
            None => lattice.first.midpoint(lattice.last),
        };
        Some(lattice.steps[index.clamp(lattice.first, lattice.last - 1)])
    }

    /// Where the secant crosses zero, inside the bracket; `None` where bisection is better.
    fn aim(&self) -> Option<f64> {
        let (lo, hi) = (self.lo, self.hi);
        if self.stalls >= PATIENCE {
            return None;
        }
        let aim = lo.step + (hi.step - lo.step) * (lo.margin / (lo.margin - hi.margin));
        (lo.margin < 0.0 && hi.margin > 0.0 && aim > lo.step && aim < hi.step).then_some(aim)
    }

    fn count_stalls(&mut self) {
        let length = match &self.lattice {
            Some(lattice) => (lattice.last - lattice.first) as f64,
            None => self.hi.step - self.lo.step,
        };
        if length <= self.length / 2.0 {
            (self.length, self.stalls) = (length, 0);
        } else {
            self.stalls += 1;
        }
    }
}
