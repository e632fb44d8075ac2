//! [`Palette`]: which class has which colour.

use super::drawing::Colour;

/// Told apart by people who see colours differently, too; the first is that of the origin's class.
///
/// Source: Okabe, Ito, "Color Universal Design" (2008), without black and with darker yellow; the last three are Tol,
/// "Colour Schemes" (2021), `muted`.
const COLOURS: [Colour; 10] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [190, 174, 20],
    [136, 34, 85],
    [51, 34, 136],
    [153, 153, 51],
];

/// All further classes.
const OTHERS: Colour = [130, 130, 130];

/// Colours for classes, in the order in which they were met.
#[derive(Clone, Debug)]
pub(super) struct Palette {
    classes: Vec<usize>,
}

impl Palette {
    /// - `classes`: with repetitions, that of the origin first.
    pub(super) fn new(classes: impl IntoIterator<Item = usize>) -> Self {
        let mut known = Vec::new();
        for class in classes {
            if !known.contains(&class) {
                known.push(class);
            }
        }
        Self { classes: known }
    }

    /// A colour for lines.
    pub(super) fn strong(&self, class: usize) -> Colour {
        let place = self.classes.iter().position(|&known| known == class);
        place.and_then(|place| COLOURS.get(place)).copied().unwrap_or(OTHERS)
    }

    /// The same for areas: so light that lines and letters are seen on it.
    pub(super) fn light(&self, class: usize) -> Colour {
        self.strong(class).map(|value| (f32::from(value) * 0.3 + 255.0 * 0.7).round() as u8)
    }

    /// Each colour with its name.
    pub(super) fn legend(&self, names: &dyn Fn(usize) -> String) -> Vec<(Colour, String)> {
        let own = self.classes.iter().take(COLOURS.len());
        let mut entries: Vec<(Colour, String)> =
            own.map(|&class| (self.strong(class), names(class))).collect();
        if self.classes.len() > COLOURS.len() {
            entries.push((OTHERS, "other classes".to_owned()));
        }
        entries
    }
}
