//! Figure sheets: pictures in rows, with captions, like the figures of the paper.
//!
//! A [`Sheet`] is plain data (what is shown, in which order, with which words); [`Sheet::render`] turns it into an
//! [`Image`]. What the numbers in a caption mean and how they are measured lives elsewhere; how they are written
//! lives in [`Caption`].
//! The same sheet gives the same bytes on every machine.

mod canvas;
mod caption;
mod layout;
mod perturbation_picture;
pub mod plot;
mod text;

pub use caption::Caption;
pub use perturbation_picture::{PerturbationPicture, PerturbationScale};

use crate::image::Image;

/// A figure: a title, rows of pictures with captions, a footnote.
///
/// ```
/// use lots::figure::{Caption, Group, Panel, Sheet};
/// use lots::Image;
///
/// let origin = Image::new(1, 28, 28, vec![90; 784])?;
/// let panel = Panel::new(origin, Caption::new("origin: 4"));
/// let sheet = Sheet::new("One digit").with_row([Group::new("given", [panel])]);
/// assert_eq!(sheet.render().channels(), 1); // A sheet of grey pictures is grey.
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// What the figure shows; one line, left out if empty.
    pub title: String,
    /// Rows of groups from top to bottom, each from left to right.
    pub rows: Vec<Vec<Group>>,
    /// Small print below the pictures; left out if empty.
    pub footnote: String,
    /// How large the pictures are.
    pub panel_size: PanelSize,
}

/// Neighbouring panels under one heading.
#[derive(Clone, Debug)]
pub struct Group {
    /// Stands above the panels with a hairline under it; left out if empty.
    pub heading: String,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// One picture with its caption and, if it was perturbed, its perturbation below.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Shown enlarged by a whole factor, so that each pixel of a small image can be seen.
    pub image: Image,
    /// The words under the picture.
    pub caption: Caption,
    /// Shown under the caption, with its scale.
    pub perturbation: Option<PerturbationPicture>,
}

/// How large the pictures of a sheet are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PanelSize {
    /// 224 screen pixels: a digit of 28 × 28 is enlarged eight times, a photograph of 224 × 224 is shown as it is.
    #[default]
    Large,
    /// 112 screen pixels, for contact sheets.
    Small,
}

impl Sheet {
    /// A sheet without pictures yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// A sheet of many small pictures, `columns` in a row (at least one).
    pub fn contact(
        title: impl Into<String>,
        panels: impl IntoIterator<Item = Panel>,
        columns: usize,
    ) -> Self {
        let panels: Vec<Panel> = panels.into_iter().collect();
        let rows = panels.chunks(columns.max(1)).map(|row| vec![Group::new("", row.to_vec())]).collect();
        Self { title: title.into(), rows, footnote: String::new(), panel_size: PanelSize::Small }
    }

    /// The sheet with another row of groups at the bottom.
    #[must_use]
    pub fn with_row(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.rows.push(groups.into_iter().collect());
        self
    }

    /// The sheet with this footnote.
    #[must_use]
    pub fn with_footnote(mut self, footnote: impl Into<String>) -> Self {
        self.footnote = footnote.into();
        self
    }

    /// The sheet as a picture: grey if all its pictures are grey, else colour.
    pub fn render(&self) -> Image {
        layout::arrange(self).paint()
    }
}

impl Group {
    /// Panels under a heading, from left to right.
    pub fn new(heading: impl Into<String>, panels: impl IntoIterator<Item = Panel>) -> Self {
        Self { heading: heading.into(), panels: panels.into_iter().collect() }
    }
}

impl Panel {
    /// A picture that was not perturbed: an origin, a target.
    pub fn new(image: Image, caption: Caption) -> Self {
        Self { image, caption, perturbation: None }
    }

    /// A perturbed image with its perturbation.
    pub fn perturbed(image: Image, caption: Caption, perturbation: PerturbationPicture) -> Self {
        Self { image, caption, perturbation: Some(perturbation) }
    }
}
