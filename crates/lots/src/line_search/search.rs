//! [`Search`]: the search along one ray as a machine that asks for a verdict on one image at a time.

use super::narrowing::{Narrowing, Point};
use super::ray::Ray;
use super::{Bracket, Crossing, Finding, LineSearch, NoStep, Scan, Verdict};

/// So much farther than the margin says, because a line through two margins ends a little short of most crossings.
const OVERSHOOT: f64 = 1.1;

/// A search that is under way: [`Self::step`] asks, [`Self::tell`] answers.
#[derive(Clone, Debug)]
pub(crate) struct Search<'a> {
    ray: Ray<'a>,
    options: LineSearch,
    /// The longest step that is worth looking at, once it was needed, and why there is none behind it.
    end: Option<(f64, NoStep)>,
    at_origin: Point,
    /// How the step grows.
    growth: Growth,
    state: State,
    judged: usize,
    /// So many images are judged at most.
    most_judged: usize,
    is_cut_short: bool,
    /// At which question the criterion held, and for which step.
    held: Vec<(usize, f64)>,
}

/// How the step grows until the criterion holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// By the factor of growth; so far the margin has not said anything else.
    Steady,
    /// To where the margin seems to come to zero.
    Guided,
    /// By the factor of growth, because the guided steps led past every place where the criterion holds.
    SteadyAgain,
}

#[derive(Clone, Debug)]
enum State {
    /// The criterion holds neither at `lo` nor at `before`, the point before it; `step` is asked.
    Growing {
        before: Point,
        lo: Point,
        step: f64,
    },
    /// `step` is asked, or the state is about to change.
    Narrowing {
        narrowing: Narrowing,
        step: f64,
        later: Option<f64>,
    },
    /// The criterion does not hold at `lo`; `steps[next]` is asked.
    Scanning {
        found: Bracket,
        steps: Vec<f64>,
        next: usize,
        lo: Point,
    },
    Done(Result<Bracket, NoStep>),
}

impl<'a> Search<'a> {
    /// - `margin`: that of the origin, where the criterion does not hold; NaN if not known.
    pub(crate) fn new(ray: Ray<'a>, options: LineSearch, margin: f64) -> Self {
        let at_origin = Point { step: 0.0, margin };
        let state = State::Growing { before: at_origin, lo: at_origin, step: options.first_step };
        let mut search = Self {
            ray,
            options,
            end: None,
            at_origin,
            growth: Growth::Steady,
            state,
            judged: 0,
            most_judged: usize::MAX,
            is_cut_short: false,
            held: Vec::new(),
        };
        search.settle();
        search
    }

    /// A search that knows a step where the criterion holds: there is nothing to grow.
    pub(crate) fn below(ray: Ray<'a>, options: LineSearch, margin: f64, step: f64, verdict: Verdict) -> Self {
        let at_origin = Point { step: 0.0, margin };
        let narrowing = Narrowing::new(at_origin, Point { step, margin: verdict.margin });
        let state = State::Narrowing { narrowing, step, later: None };
        let mut search = Self {
            ray,
            options,
            end: None,
            at_origin,
            growth: Growth::Steady,
            state,
            judged: 0,
            most_judged: usize::MAX,
            is_cut_short: false,
            held: Vec::new(),
        };
        search.settle();
        search
    }

    /// Judges no more than so many images; what was found by then counts.
    pub(crate) fn judge_at_most(&mut self, images: usize) {
        self.most_judged = images;
        self.cut_short();
    }

    /// Whether it ended because it had judged as many images as allowed.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Whether a step is known where the criterion holds.
    pub(crate) fn has_found(&self) -> bool {
        !matches!(self.state, State::Growing { .. } | State::Done(Err(_)))
    }

    /// Ends the search without a result.
    pub(crate) fn give_up(&mut self) {
        self.state = State::Done(Err(NoStep::StepLimit));
    }

    /// The step whose image is to be judged next; `None` when the search is over.
    pub(crate) fn step(&self) -> Option<f64> {
        match &self.state {
            State::Growing { step, .. } | State::Narrowing { step, .. } => Some(*step),
            State::Scanning { steps, next, .. } => Some(steps[*next]),
            State::Done(_) => None,
        }
    }

    pub(crate) fn ray(&self) -> &Ray<'a> {
        &self.ray
    }

    /// At which question the criterion held, counted from 1, and for which step.
    pub(crate) fn held(&self) -> &[(usize, f64)] {
        &self.held
    }

    /// The verdict on the image at [`Self::step`].
    pub(crate) fn tell(&mut self, verdict: Verdict) {
        let Some(step) = self.step() else { return };
        self.judged += 1;
        if verdict.holds {
            self.held.push((self.judged, step));
        }
        let point = Point { step, margin: verdict.margin };
        match &mut self.state {
            State::Growing { lo, .. } if verdict.holds => {
                let narrowing = Narrowing::new(*lo, point);
                self.state = State::Narrowing { narrowing, step, later: None };
            }
            State::Growing { before, lo, .. } => (*before, *lo) = (*lo, point),
            State::Narrowing { narrowing, .. } => narrowing.tell(step, verdict),
            State::Scanning { found, lo, .. } if verdict.holds => {
                let narrowing = Narrowing::new(*lo, point);
                self.state = State::Narrowing { narrowing, step, later: Some(found.hi) };
            }
            State::Scanning { lo, next, .. } => {
                *lo = point;
                *next += 1;
            }
            State::Done(_) => {}
        }
        self.settle();
        self.cut_short();
    }

    /// The result, once [`Self::step`] is `None`.
    pub(crate) fn finding(&self) -> Finding {
        let end = match self.state {
            State::Done(end) => end,
            _ => Err(NoStep::StepLimit),
        };
        Finding { end, judged: self.judged }
    }

    /// Ends the search with what it has if it may not judge another image.
    fn cut_short(&mut self) {
        if self.judged < self.most_judged {
            return;
        }
        let end = match &self.state {
            State::Done(_) => return,
            State::Growing { .. } => Err(NoStep::Budget),
            State::Narrowing { narrowing, later, .. } => {
                Ok(narrowing.bracket(later.map_or(Crossing::Assumed, |later| Crossing::Earlier { later })))
            }
            State::Scanning { found, .. } => Ok(*found),
        };
        self.state = State::Done(end);
        self.is_cut_short = true;
    }

    /// Goes on until a verdict is needed or the search is over.
    fn settle(&mut self) {
        if let State::Growing { before, lo, .. } = self.state {
            self.grow(before, lo);
        }
        if let State::Narrowing { narrowing, step, later } = &mut self.state {
            if let Some(next) = narrowing.step(&self.ray) {
                *step = next;
            } else if let Some(later) = *later {
                self.state = State::Done(Ok(narrowing.bracket(Crossing::Earlier { later })));
            } else {
                let found = narrowing.bracket(Crossing::Assumed);
                self.state = self.scan(found);
            }
        }
        if let State::Scanning { found, steps, next, lo } = &mut self.state {
            while *next < steps.len() && self.ray.level_changes(lo.step, steps[*next]) == 0 {
                *next += 1;
            }
            if *next == steps.len() {
                self.state = State::Done(Ok(Bracket { crossing: Crossing::First, ..*found }));
            }
        }
    }

    /// The next step behind `lo` that shows another image.
    fn grow(&mut self, before: Point, mut lo: Point) {
        loop {
            let grown = self.grown(before, lo);
            // A ray rarely ends within the range of a pixel, so its end is only computed behind that.
            let step = if grown < 256.0 { grown.min(self.options.max_step) } else { grown.min(self.end().0) };
            if step > lo.step && self.ray.level_changes(lo.step, step) > 0 {
                self.state = State::Growing { before, lo, step };
                return;
            }
            if step <= lo.step || step >= self.end().0 {
                if self.growth == Growth::Guided {
                    self.growth = Growth::SteadyAgain;
                    return self.grow(self.at_origin, self.at_origin);
                }
                self.state = State::Done(Err(self.end().1));
                return;
            }
            lo.step = step;
        }
    }

    /// A step behind `lo`: where the line through the last two margins comes to zero, or by the factor of growth where
    /// it does not.
    fn grown(&mut self, before: Point, lo: Point) -> f64 {
        let growth = self.options.growth;
        if lo.step == 0.0 {
            return self.options.first_step;
        }
        let rise = lo.margin - before.margin;
        if self.growth == Growth::SteadyAgain || !(rise > 0.0 && lo.margin < 0.0) {
            return lo.step * growth;
        }
        self.growth = Growth::Guided;
        let distance = -lo.margin * (lo.step - before.step) / rise;
        // Neither so little that the search creeps, nor so much that it trusts a line too far.
        let (least, most) = (growth.sqrt(), growth * growth * growth * growth);
        (lo.step + OVERSHOOT * distance).clamp(lo.step * least, lo.step * most)
    }

    fn end(&mut self) -> (f64, NoStep) {
        *self.end.get_or_insert_with(|| {
            let last = self.ray.last_step();
            if last <= self.options.max_step {
                (last, NoStep::Saturated)
            } else {
                (self.options.max_step, NoStep::StepLimit)
            }
        })
    }

    /// What follows when `found` is tight.
    fn scan(&self, found: Bracket) -> State {
        let limit = self.options.scan_limit;
        let steps = match self.options.scan {
            Scan::Off => return State::Done(Ok(found)),
            Scan::Stride(stride) => {
                let stride = stride.max(found.lo / limit as f64);
                (1..=limit).map(|index| index as f64 * stride).take_while(|&step| step < found.lo).collect()
            }
            Scan::EachImage => {
                let steps = self.ray.switching_steps(0.0, found.lo);
                let thin = steps.len().div_ceil(limit).max(1);
                steps.into_iter().step_by(thin).collect()
            }
        };
        State::Scanning { found, steps, next: 0, lo: self.at_origin }
    }
}
