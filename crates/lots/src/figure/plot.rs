//! Plots of class maps: the margin along rays, and the plane of two directions as areas of classes.
//!
//! They are drawn here with the letters and the paper of the figure sheets, so that pictures along an axis, captions and
//! bytes that are the same on every machine need no second way of drawing. A plot becomes pixels, or an SVG file whose
//! letters are those of the reader.

mod drawing;
mod paint;
mod palette;
mod paper;
mod plane;
mod ray;
mod scale;
mod svg;

pub use drawing::Drawing;
pub use plane::PlanePlot;
pub use ray::{RayPanel, RayPlot};
