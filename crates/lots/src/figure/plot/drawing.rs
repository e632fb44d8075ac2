//! [`Drawing`]: marks with their places on the paper, before they become pixels or text.

use super::super::canvas::Zoom;
use super::super::text::TextStyle;
use super::{paint, svg};
use crate::error::Result;
use crate::image::Image;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// A plot that is ready to be shown.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(super) height: usize,
    pub(super) width: usize,
    /// From the lowest to the one on top.
    pub(super) marks: Vec<Mark>,
}

/// One thing on the paper. Places are `[x, y]` in pixels from the upper left corner.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A filled rectangle with its upper left corner at `at`.
    Area {
        at: [usize; 2],
        size: [usize; 2],
        colour: Colour,
    },
    /// A line through points.
    Line {
        points: Vec<[f32; 2]>,
        width: f32,
        colour: Colour,
    },
    Dot {
        centre: [f32; 2],
        radius: f32,
        colour: Colour,
    },
    /// A line of text whose baseline is at `at`.
    Text {
        line: String,
        at: [f32; 2],
        anchor: Anchor,
        style: TextStyle,
    },
    /// A picture with its upper left corner at `at`.
    Picture {
        image: Image,
        at: [usize; 2],
        zoom: Zoom,
    },
}

/// Which end of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    /// The plot as a picture in colour.
    pub fn to_image(&self) -> Image {
        paint::paint(self)
    }

    /// The plot as the text of an SVG file, the same for the same plot. Nothing is fetched: pictures are inside.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if a picture has neither one channel nor three.
    pub fn to_svg(&self) -> Result<String> {
        svg::write(self)
    }
}
