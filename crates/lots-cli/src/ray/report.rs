//! What `ray` found, as JSON, as tables and in words.

use std::collections::BTreeMap;

use lots::class_map::{Coverage, PlaneClasses, RayClasses};
use lots::figure::plot::RayPanel;
use serde::Serialize;

use super::aim::Aim;
use crate::attack::images::LeftOutOf;
use crate::class_names::ClassNames;
use crate::images::Preprocessed;
use crate::terminal::{self, Align, plain};

/// What `--json` prints.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin_preprocessed: Option<Preprocessed>,
    pub(super) origin_class: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rays: Vec<RayNumbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plane: Option<PlaneNumbers>,
    /// Directions that there are not.
    pub(super) no_direction: Vec<NoDirection>,
    /// What the classes here are called, where classes have names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) class_names: BTreeMap<usize, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) left_out: LeftOutOf,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct NoDirection {
    pub(super) direction: String,
    pub(super) reason: &'static str,
}

/// What a direction is.
#[derive(Clone, Debug, Serialize)]
struct Named {
    /// `toward/conv2 → digits:targets[9]`
    direction: String,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_class: Option<usize>,
}

/// A ray. `steps`, `classes` and `margins` have an entry for each image that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RayNumbers {
    #[serde(flatten)]
    named: Named,
    /// `each_image` or `evenly_spread`.
    coverage: &'static str,
    crossings: Vec<CrossingNumbers>,
    intervals: Vec<IntervalNumbers>,
    /// In grey levels, ascending.
    steps: Vec<f64>,
    classes: Vec<usize>,
    /// In units of the logits.
    margins: Vec<f64>,
}

/// Where the class changes: between the images at two steps.
#[derive(Clone, Debug, Serialize)]
struct CrossingNumbers {
    lo: f64,
    hi: f64,
    from_class: usize,
    to_class: usize,
    /// In grey levels, of the image farther from the origin.
    l2: f64,
    linf: u8,
}

#[derive(Clone, Debug, Serialize)]
struct IntervalNumbers {
    from: f64,
    to: f64,
    class: usize,
    smallest_margin: f64,
    largest_margin: f64,
}

/// A plane. `classes` and `margins` have a row for each step of the second direction, in it a number for each of the
/// first.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PlaneNumbers {
    directions: Vec<Named>,
    shares: Vec<Share>,
    steps: Vec<f64>,
    classes: Vec<Vec<usize>>,
    margins: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Serialize)]
struct Share {
    class: usize,
    /// Of all images of the plane, 0–1.
    share: f64,
}

impl Named {
    fn of(aim: &Aim) -> Self {
        Self {
            direction: aim.to_string(),
            method: aim.group.method.as_str(),
            layer: aim.group.layer.clone(),
            target: aim.target.as_ref().map(|target| target.name.clone()),
            target_class: aim.target_class.as_ref().map(|hot| hot.class),
        }
    }
}

impl RayNumbers {
    pub(super) fn of(aim: &Aim, panel: &RayPanel<'_>) -> Self {
        let RayClasses { points, coverage, .. } = &panel.classes;
        let crossings = panel.changes.iter().map(|change| CrossingNumbers {
            lo: change.lo,
            hi: change.hi,
            from_class: change.from_class,
            to_class: change.to_class,
            l2: change.l2,
            linf: change.linf,
        });
        let intervals = panel.classes.intervals().into_iter().map(|interval| IntervalNumbers {
            from: interval.from,
            to: interval.to,
            class: interval.class,
            smallest_margin: interval.smallest_margin,
            largest_margin: interval.largest_margin,
        });
        Self {
            named: Named::of(aim),
            coverage: match coverage {
                Coverage::EachImage => "each_image",
                Coverage::EvenlySpread => "evenly_spread",
            },
            crossings: crossings.collect(),
            intervals: intervals.collect(),
            steps: points.iter().map(|point| point.step).collect(),
            classes: points.iter().map(|point| point.reading.class).collect(),
            margins: points.iter().map(|point| point.reading.margin).collect(),
        }
    }
}

impl PlaneNumbers {
    pub(super) fn of(aims: [&Aim; 2], classes: &PlaneClasses) -> Self {
        let rows = || classes.readings.chunks(classes.steps.len());
        Self {
            directions: aims.map(Named::of).to_vec(),
            shares: classes.shares().into_iter().map(|(class, share)| Share { class, share }).collect(),
            steps: classes.steps.clone(),
            classes: rows().map(|row| row.iter().map(|reading| reading.class).collect()).collect(),
            margins: rows().map(|row| row.iter().map(|reading| reading.margin).collect()).collect(),
        }
    }
}

impl Report {
    /// The same with what its classes are called.
    pub(super) fn with_class_names(self, names: &ClassNames) -> Self {
        let planes = self.plane.iter();
        let named =
            self.rays.iter().map(|ray| &ray.named).chain(planes.clone().flat_map(|it| &it.directions));
        let read = self.rays.iter().flat_map(|ray| &ray.intervals).map(|interval| interval.class);
        let read = read.chain(planes.flat_map(|plane| &plane.shares).map(|share| share.class));
        let aimed = named.filter_map(|named| named.target_class);
        let class_names = names.of_these(read.chain(aimed).chain([self.origin_class]));
        Self { class_names, ..self }
    }

    /// What the plot shows, for those who cannot see it.
    pub(super) fn description(&self) -> String {
        if let Some(plane) = &self.plane {
            let names: Vec<&str> = plane.directions.iter().map(|named| named.direction.as_str()).collect();
            return format!("Classes in the plane of {}", names.join(" and "));
        }
        let names: Vec<&str> = self.rays.iter().map(|ray| ray.named.direction.as_str()).collect();
        format!("The margin along {}", names.join(", "))
    }

    /// Headers with their rows.
    pub(super) fn tables(&self, names: &ClassNames) -> Vec<(Vec<String>, Vec<Vec<String>>)> {
        let tables = [
            (vec!["class", "share of the plane"], self.plane_rows(names)),
            (
                vec!["direction", "from step", "to step", "class", "smallest margin", "largest margin"],
                self.interval_rows(names),
            ),
            (vec!["direction", "crossing", "step", "L2", "L∞"], self.crossing_rows(names)),
        ];
        let filled = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
        filled.map(|(header, rows)| (header.into_iter().map(str::to_owned).collect(), rows)).collect()
    }

    /// - `is_written`: whether there is a plot.
    pub(super) fn text(&self, names: &ClassNames, is_written: bool) -> String {
        let mut parts = Vec::new();
        if let Some(preprocessed) = &self.origin_preprocessed {
            parts.push(format!("{}: {preprocessed}\n", self.origin));
        }
        for (header, rows) in self.tables(names) {
            let align = |name: &str| {
                if matches!(name, "direction" | "class" | "crossing") { Align::Left } else { Align::Right }
            };
            let header: Vec<(&str, Align)> = header.iter().map(|name| (name.as_str(), align(name))).collect();
            parts.push(terminal::table(&header, &rows) + "\n");
        }
        let missing = self.no_direction.iter();
        parts.extend(
            missing.map(|it| {
                format!("{}: no direction, {}\n", plain(&it.direction), it.reason.replace('_', " "))
            }),
        );
        if is_written {
            parts.push(format!("wrote {}\n", self.file));
        }
        parts.concat()
    }

    fn plane_rows(&self, names: &ClassNames) -> Vec<Vec<String>> {
        let shares = self.plane.iter().flat_map(|plane| &plane.shares);
        shares.map(|it| vec![names.of(it.class), format!("{:.1} %", 100.0 * it.share)]).collect()
    }

    fn interval_rows(&self, names: &ClassNames) -> Vec<Vec<String>> {
        let rows = self.rays.iter().flat_map(|ray| {
            ray.intervals.iter().map(|it| {
                vec![
                    ray.named.direction.clone(),
                    format!("{:.2}", it.from),
                    format!("{:.2}", it.to),
                    names.of(it.class),
                    format!("{:.2}", it.smallest_margin),
                    format!("{:.2}", it.largest_margin),
                ]
            })
        });
        rows.collect()
    }

    fn crossing_rows(&self, names: &ClassNames) -> Vec<Vec<String>> {
        let rows = self.rays.iter().flat_map(|ray| {
            ray.crossings.iter().map(|it| {
                vec![
                    ray.named.direction.clone(),
                    format!("{} → {}", names.of(it.from_class), names.of(it.to_class)),
                    format!("{:.2}", if it.lo < 0.0 { it.lo } else { it.hi }),
                    format!("{:.1}", it.l2),
                    it.linf.to_string(),
                ]
            })
        });
        rows.collect()
    }
}
