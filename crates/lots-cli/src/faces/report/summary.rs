//! What the attempts of each method and layer came to, and who can become whom.

use lots::evaluation::Spread;
use lots::experiment;
use lots::verification::{DetPoint, PairSimilarities};
use serde::{Deserialize, Serialize};

use super::Job;
use super::attempts::Row;
use super::verification::thinned;
use crate::terminal::{self, Align, grouped, shortened};

/// The reason of an attempt whose origin is taken for the target anyway.
const HOLDS_AT_ORIGIN: &str = "holds_at_origin";

/// A method at a layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) method: String,
    pub(super) layer: String,
    /// Pairs whose origin was not taken for the target before anything was done.
    pub(super) attempts: usize,
    /// Pairs whose origin was.
    pub(super) accepted_before: usize,
    pub(super) reached: usize,
    /// Reached of attempts, 0–1.
    pub(super) impersonation_rate: Option<f64>,
    /// The mean share of the other images of the target's identity that the perturbed face is taken for.
    pub(super) others_accepted: Option<f64>,
    /// The share of the perturbed faces that are still taken for their origins.
    pub(super) still_origin: Option<f64>,
    pub(super) l2: Measured,
    pub(super) linf: Measured,
    pub(super) pass_score: Measured,
    /// The errors if impostors come with these perturbed faces, against the genuine pairs as they are.
    pub(super) det: Vec<DetPoint>,
}

/// Mean and deviation of what was reached.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) mean: Option<f64>,
    pub(super) std: Option<f64>,
}

/// Who can become whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Map {
    /// The identities, of origins from top to bottom and of targets from left to right.
    pub(super) identities: Vec<String>,
    /// The smallest L2 at any layer with any method, in grey levels; none if it was not reached.
    pub(super) least_l2: Vec<Vec<Option<f64>>>,
}

/// The columns of [`Group::cells`].
pub(super) const HEADER: [&str; 10] = [
    "method",
    "layer",
    "pairs",
    "accepted before",
    "impersonation",
    "other images",
    "still origin",
    "L2",
    "L∞",
    "PASS",
];

/// In the order of the experiment.
pub(super) fn groups(job: &Job<'_>, rows: &[Row]) -> Vec<Group> {
    job.experiment.groups.iter().map(|group| Group::new(job, group, rows)).collect()
}

impl Group {
    fn new(job: &Job<'_>, group: &experiment::Group, rows: &[Row]) -> Self {
        let layer = group.layer.clone().unwrap_or_default();
        let is_own = |row: &&Row| row.method == group.method.as_str() && row.layer == layer;
        let own: Vec<&Row> = rows.iter().filter(is_own).collect();
        let accepted_before = own.iter().filter(|row| row.reason.as_deref() == Some(HOLDS_AT_ORIGIN)).count();
        let attempts = own.len() - accepted_before;
        let (mut l2, mut linf, mut pass_score) = (Spread::default(), Spread::default(), Spread::default());
        let (mut others, mut still) = (Spread::default(), Spread::default());
        let perturbed = || own.iter().filter_map(|row| row.perturbed.as_ref());
        for face in perturbed() {
            l2.add(face.l2);
            linf.add(f64::from(face.linf));
            face.pass_score.into_iter().for_each(|score| pass_score.add(score));
            face.others_accepted.into_iter().for_each(|share| others.add(share));
            let is_still = face.similarity_to_origin > job.verified.summary.threshold;
            still.add(f64::from(u8::from(is_still)));
        }
        let reached = perturbed().count();
        let after = own.iter().map(|row| match &row.perturbed {
            Some(perturbed) => perturbed.similarity,
            None => row.similarity_before,
        });
        // Similarities of perturbed faces are finite: they are above the threshold.
        let det = PairSimilarities::new(job.verified.scores.genuine().to_vec(), after.collect());
        Self {
            method: group.method.as_str().to_owned(),
            layer,
            attempts,
            accepted_before,
            reached,
            impersonation_rate: (attempts > 0).then(|| reached as f64 / attempts as f64),
            others_accepted: others.mean(),
            still_origin: still.mean(),
            l2: l2.into(),
            linf: linf.into(),
            pass_score: pass_score.into(),
            det: det.map(|scores| thinned(scores.det())).unwrap_or_default(),
        }
    }

    /// For tables.
    pub(super) fn cells(&self) -> Vec<String> {
        let share = |share: Option<f64>| share.map_or_else(dash, |share| format!("{:.1} %", 100.0 * share));
        vec![
            self.method.clone(),
            shortened(&self.layer, 24),
            grouped(self.attempts + self.accepted_before),
            grouped(self.accepted_before),
            share(self.impersonation_rate),
            share(self.others_accepted),
            share(self.still_origin),
            self.l2.text(0),
            self.linf.text(1),
            self.pass_score.text(4),
        ]
    }
}

impl From<Spread> for Measured {
    fn from(spread: Spread) -> Self {
        Self { mean: spread.mean(), std: spread.std() }
    }
}

impl Measured {
    fn text(self, decimals: usize) -> String {
        match (self.mean, self.std) {
            (Some(mean), Some(std)) => format!("{mean:.decimals$} ± {std:.decimals$}"),
            _ => dash(),
        }
    }
}

impl Map {
    pub(super) fn new(job: &Job<'_>, rows: &[Row]) -> Self {
        let mut identities: Vec<String> = Vec::new();
        for row in rows {
            if !identities.contains(&row.origin_identity) {
                identities.push(row.origin_identity.clone());
            }
        }
        let all = &job.identities.names;
        identities.sort_by_key(|name| all.iter().position(|known| known == name));
        let place = |name: &String| identities.iter().position(|known| known == name);
        let mut least_l2 = vec![vec![None; identities.len()]; identities.len()];
        for row in rows {
            let Some(perturbed) = &row.perturbed else { continue };
            if let (Some(origin), Some(target)) = (place(&row.origin_identity), place(&row.target_identity)) {
                let least: &mut Option<f64> = &mut least_l2[origin][target];
                *least = Some(least.map_or(perturbed.l2, |least| least.min(perturbed.l2)));
            }
        }
        Self { identities, least_l2 }
    }
}

/// For the terminal.
pub(super) fn table(groups: &[Group]) -> String {
    let align = |name: &'static str| {
        (name, if matches!(name, "method" | "layer") { Align::Left } else { Align::Right })
    };
    terminal::table(&HEADER.map(align), &groups.iter().map(Group::cells).collect::<Vec<_>>())
}

fn dash() -> String {
    "–".to_owned()
}
