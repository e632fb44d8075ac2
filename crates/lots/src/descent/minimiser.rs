//! [`Minimiser`]: limited-memory quasi-Newton steps within a box, as a machine that asks for one value and gradient at a
//! time.
//!
//! Variables that lie at a bound and would leave it stay; for the others the two-loop recursion of L-BFGS, taken over them
//! alone, gives the direction, and a search along its projection onto the box finds a step with sufficient decrease.
//! `docs/decisions/own-l-bfgs.md` says why no library does it.
//!
//! Source: Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J. Control and
//! Optimization 20 (1982); Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
//! (1980).

use std::collections::VecDeque;

/// So many steps are remembered: what L-BFGS-B takes, too.
const MEMORY: usize = 10;
/// How much of the decrease that the slope promises is enough.
const ARMIJO: f64 = 1e-4;
/// A step is shortened so often before the direction is given up.
const PATIENCE: usize = 20;
/// It has converged where a step takes off less than this of the value.
const LEAST_DECREASE: f64 = 1e-6;
/// How far the variable that moves fastest moves at first, in its units.
const FIRST_STEP: f64 = 16.0;

#[derive(Clone, Debug)]
pub(super) struct Minimiser {
    lower: Vec<f64>,
    upper: Vec<f64>,
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    direction: Vec<f64>,
    trial: Vec<f64>,
    steps: VecDeque<Step>,
    state: State,
    iterations: usize,
    max_iterations: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// The value at the start is asked.
    Starting,
    /// That at `trial` is, which lies `length` directions from `point`.
    Searching {
        length: f64,
        shortened: usize,
    },
    Ended(End),
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No step makes the value smaller by much.
    Converged,
    /// It has taken all steps that were allowed.
    IterationLimit,
}

/// A step that was taken.
#[derive(Clone, Debug)]
struct Step {
    /// How the point moved.
    moved: Vec<f64>,
    /// How the gradient changed.
    bent: Vec<f64>,
}

impl Minimiser {
    /// - `start`: within the bounds, as long as they are.
    pub(super) fn new(start: Vec<f64>, lower: Vec<f64>, upper: Vec<f64>, max_iterations: usize) -> Self {
        debug_assert!(start.len() == lower.len() && start.len() == upper.len());
        Self {
            lower,
            upper,
            trial: start.clone(),
            point: start,
            value: f64::INFINITY,
            gradient: Vec::new(),
            direction: Vec::new(),
            steps: VecDeque::new(),
            state: State::Starting,
            iterations: 0,
            max_iterations,
        }
    }

    /// Where the value and its gradient are wanted; none once it has ended.
    pub(super) fn ask(&self) -> Option<&[f64]> {
        match self.state {
            State::Ended(_) => None,
            _ => Some(&self.trial),
        }
    }

    /// Why it ended, once [`Self::ask`] is none.
    pub(super) fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// The answer. Returns whether this point is the best so far, which it goes on from.
    pub(super) fn tell(&mut self, value: f64, gradient: Vec<f64>) -> bool {
        match self.state {
            State::Ended(_) => false,
            State::Starting => {
                (self.value, self.gradient) = (value, gradient);
                self.set_out();
                true
            }
            State::Searching { length, shortened } => {
                let promised = self.promised();
                if value <= self.value + ARMIJO * promised {
                    self.accept(value, gradient);
                    return true;
                }
                self.shorten(value, promised, length, shortened);
                false
            }
        }
    }

    /// ⟨gradient, trial − point⟩
    fn promised(&self) -> f64 {
        let moved = self.trial.iter().zip(&self.point).map(|(trial, point)| trial - point);
        moved.zip(&self.gradient).map(|(moved, slope)| moved * slope).sum()
    }

    fn accept(&mut self, value: f64, gradient: Vec<f64>) {
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let step =
            Step { moved: difference(&self.trial, &self.point), bent: difference(&gradient, &self.gradient) };
        let decrease = self.value - value;
        let is_little = decrease <= LEAST_DECREASE * self.value.abs().max(value.abs());
        (self.value, self.gradient) = (value, gradient);
        self.point.clone_from(&self.trial);
        if dot(&step.moved, &step.bent) > f64::EPSILON * dot(&step.bent, &step.bent) {
            self.steps.truncate(MEMORY - 1);
            self.steps.push_front(step);
        }
        self.iterations += 1;
        if is_little {
            self.state = State::Ended(End::Converged);
        } else if self.iterations >= self.max_iterations {
            self.state = State::Ended(End::IterationLimit);
        } else {
            self.set_out();
        }
    }

    /// Chooses a direction and asks for the point at its end.
    fn set_out(&mut self) {
        let is_free: Vec<bool> = (0..self.point.len()).map(|index| self.is_free(index)).collect();
        self.direction = self.quasi_newton(&is_free);
        if dot(&self.direction, &self.gradient) >= 0.0 {
            self.steps.clear();
            self.direction = self.quasi_newton(&is_free);
        }
        let is_moving = self.direction.iter().any(|slope| *slope != 0.0);
        if !is_moving || !self.look(1.0, 0) {
            self.state = State::Ended(End::Converged);
        }
    }

    /// Whether a variable may follow the gradient downhill.
    fn is_free(&self, index: usize) -> bool {
        let (point, slope) = (self.point[index], self.gradient[index]);
        slope > 0.0 && point > self.lower[index] || slope < 0.0 && point < self.upper[index]
    }

    /// −H g over the variables that are free, where H is what the steps say of the inverse of the curvature; without
    /// steps a move of [`FIRST_STEP`] down the gradient.
    fn quasi_newton(&self, is_free: &[bool]) -> Vec<f64> {
        let mut direction: Vec<f64> =
            self.gradient.iter().zip(is_free).map(|(slope, free)| if *free { *slope } else { 0.0 }).collect();
        let mut weights = Vec::with_capacity(self.steps.len());
        let mut scale = None;
        for step in &self.steps {
            let Step { moved, bent } = step;
            let curvature = dot_of_free(moved, bent, is_free);
            let roughness = dot_of_free(bent, bent, is_free);
            if curvature <= f64::EPSILON * roughness {
                continue;
            }
            let weight = dot_of_free(moved, &direction, is_free) / curvature;
            add_to_free(&mut direction, -weight, bent, is_free);
            scale.get_or_insert(curvature / roughness);
            weights.push((step, curvature, weight));
        }
        let steepest = direction.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
        let scale = scale.unwrap_or(if steepest > 0.0 { FIRST_STEP / steepest } else { 0.0 });
        for slope in &mut direction {
            *slope *= scale;
        }
        for (Step { moved, bent }, curvature, weight) in weights.into_iter().rev() {
            let back = dot_of_free(bent, &direction, is_free) / curvature;
            add_to_free(&mut direction, weight - back, moved, is_free);
        }
        for slope in &mut direction {
            *slope = -*slope;
        }
        direction
    }

    /// Asks for the projection of the point so many directions away; false if that is the point itself.
    fn look(&mut self, length: f64, shortened: usize) -> bool {
        let mut moves = false;
        for (index, trial) in self.trial.iter_mut().enumerate() {
            let there = self.point[index] + length * self.direction[index];
            *trial = there.clamp(self.lower[index], self.upper[index]);
            moves |= trial.to_bits() != self.point[index].to_bits();
        }
        self.state = State::Searching { length, shortened };
        moves
    }

    /// The value at `trial` is not small enough: asks nearer, where a parabola has its minimum.
    fn shorten(&mut self, value: f64, promised: f64, length: f64, shortened: usize) {
        let bend = value - self.value - promised;
        let part = if bend > 0.0 { -promised / (2.0 * bend) } else { 0.5 };
        let part = if part.is_finite() { part.clamp(0.1, 0.5) } else { 0.1 };
        if shortened < PATIENCE && self.look(length * part, shortened + 1) {
            return;
        }
        if self.steps.is_empty() {
            self.state = State::Ended(End::Converged);
        } else {
            // What was remembered may be wrong; the gradient is not.
            self.steps.clear();
            self.set_out();
        }
    }
}

/// ⟨a, b⟩, summed in their order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// ⟨a, b⟩ over the variables that are free.
fn dot_of_free(a: &[f64], b: &[f64], is_free: &[bool]) -> f64 {
    a.iter().zip(b).zip(is_free).map(|((a, b), free)| if *free { a * b } else { 0.0 }).sum()
}

/// values + weight · others for the variables that are free
fn add_to_free(values: &mut [f64], weight: f64, others: &[f64], is_free: &[bool]) {
    for ((value, other), free) in values.iter_mut().zip(others).zip(is_free) {
        if *free {
            *value += weight * other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The minimum that is found, and after how many questions.
    fn minimum(
        start: &[f64],
        bounds: [f64; 2],
        objective: impl Fn(&[f64]) -> (f64, Vec<f64>),
    ) -> (Vec<f64>, usize) {
        let [lower, upper] = bounds.map(|bound| vec![bound; start.len()]);
        let mut minimiser = Minimiser::new(start.to_vec(), lower, upper, 1000);
        let mut questions = 0;
        while let Some(point) = minimiser.ask() {
            assert!(point.iter().all(|it| (bounds[0]..=bounds[1]).contains(it)), "{point:?}");
            let (value, gradient) = objective(point);
            minimiser.tell(value, gradient);
            questions += 1;
        }
        assert_eq!(minimiser.end(), Some(End::Converged));
        (minimiser.point, questions)
    }

    /// Σ (1 − x)² + 100 (y − x²)²
    fn valley(point: &[f64]) -> (f64, Vec<f64>) {
        let (x, y) = (point[0], point[1]);
        let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
        (value, vec![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        let (point, questions) = minimum(&[-1.2, 1.0], [-10.0, 10.0], valley);
        assert!((point[0] - 1.0).abs() < 1e-2 && (point[1] - 1.0).abs() < 2e-2, "{point:?}");
        assert!(questions < 150, "{questions}");
    }

    #[test]
    fn a_minimum_outside_the_box_is_sought_at_its_edge() {
        let (point, _) = minimum(&[-1.2, 0.4], [-10.0, 0.5], valley);
        // On the edge y = ½ the valley has its minimum where (1 − x)² + 100 (½ − x²)² does, but x ≤ ½ as well.
        assert!((point[0] - 0.5).abs() < 1e-12);
        assert!((point[1] - 0.25).abs() < 1e-3, "{point:?}");
    }

    #[test]
    fn a_point_that_cannot_be_improved_is_asked_about_once() {
        let downhill = |point: &[f64]| (point.iter().sum::<f64>(), vec![1.0; point.len()]);
        assert_eq!(minimum(&[0.0, 0.0], [0.0, 5.0], downhill), (vec![0.0, 0.0], 1));
    }

    proptest! {
        /// ½ Σ a (x − b)²: each variable by itself, so the minimum is b within the bounds.
        #[test]
        fn a_bowl_has_its_minimum_at_the_nearest_point_of_the_box(
            bowl in prop::collection::vec((0.1_f64..10.0, -20.0_f64..20.0), 1..12),
        ) {
            let start = vec![0.0; bowl.len()];
            let (point, _) = minimum(&start, [-5.0, 5.0], |point| {
                let terms = || point.iter().zip(&bowl);
                let value = terms().map(|(x, (a, b))| 0.5 * a * (x - b).powi(2)).sum();
                (value, terms().map(|(x, (a, b))| a * (x - b)).collect())
            });
            let least: f64 = bowl.iter().map(|(a, b)| 0.5 * a * (b.clamp(-5.0, 5.0) - b).powi(2)).sum();
            let found: f64 = point.iter().zip(&bowl).map(|(x, (a, b))| 0.5 * a * (x - b).powi(2)).sum();
            prop_assert!(found <= least + 1e-4 * (1.0 + least), "{found} {least}");
        }
    }
}
