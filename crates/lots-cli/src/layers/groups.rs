//! [`Group`]: layers in a row that belong together, so that hundreds of layers make a table of one screen.
//!
//! Deep networks repeat themselves. Where exporters keep the modules of a network in the names of its layers
//! (`/layer1/layer1.0/conv1/Conv`, `stage1_unit1_conv1`), the names say what belongs together. Where they do not
//! (`471`, `Conv_471`, `conv3_1` beside `relu3_1`), the height and width of what the layers compute do.
//! Nothing here prints.

use std::collections::{BTreeMap, BTreeSet};

use lots_network::Layer;

/// Names divide the layers into at most so many groups: more rows than a screen has would not help.
const MOST_GROUPS: usize = 40;

/// And into groups of so many layers on average: by names such as `Conv_1`, `Relu_2` every layer is for itself.
const LAYERS_IN_A_GROUP: usize = 3;

/// How many parts of a name are looked at; exporters write some ten.
const MOST_PARTS: usize = 24;

/// So many layers without an image may lie between images of one run: squeeze-and-excitation has five or six, or twice
/// as many where its activations are written out.
const LONGEST_EXCURSION: usize = 16;

/// Layers in a row, at least one.
#[derive(Debug)]
pub(super) struct Group<'l> {
    pub(super) layers: Vec<&'l Layer>,
    /// What the names of the layers that have a module begin with.
    module: Option<&'l str>,
}

/// Divides layers into runs whose names begin alike up to a `/`, `.` or `_`, or, where names do not tell, into runs of
/// the same height and width.
///
/// Names are compared to as many of their parts as leave few groups. They do not tell if that makes fewer groups than
/// there are heights and widths: then everything is called `model/…`, or each layer otherwise.
pub(super) fn groups<'l>(layers: &[&'l Layer]) -> Vec<Group<'l>> {
    let extents = extents(layers);
    let resolutions = extents.iter().collect::<BTreeSet<_>>().len();
    let most = MOST_GROUPS.min(layers.len() / LAYERS_IN_A_GROUP);
    (1..=MOST_PARTS)
        .map(|parts| divided(layers, &extents, parts))
        .take_while(|groups| groups.len() <= most)
        .last()
        .filter(|groups| groups.len() >= resolutions)
        .unwrap_or_else(|| divided(layers, &extents, 0))
}

impl Group<'_> {
    /// What it is called: the pattern of its names where their beginning made it, else the first and the last name.
    pub(super) fn name(&self) -> String {
        let (first, last) = match self.layers.as_slice() {
            [] => return String::new(),
            [only] => return only.name.clone(),
            [first, .., last] => (&first.name, &last.name),
        };
        match self.module {
            Some(module) if self.layers.iter().all(|layer| layer.name.starts_with(module)) => {
                format!("{module}*")
            }
            _ => format!("{first} … {}", &last[shared_path(first, last)..]),
        }
    }

    /// The positions of those of its layers that have one.
    pub(super) fn positions(&self) -> Vec<usize> {
        self.layers.iter().filter_map(|layer| layer.position).collect()
    }

    /// How many of its layers have each operator.
    pub(super) fn ops(&self) -> BTreeMap<&'static str, usize> {
        let mut ops = BTreeMap::new();
        for layer in &self.layers {
            *ops.entry(layer.op).or_insert(0) += 1;
        }
        ops
    }

    /// How many weights and biases its layers have.
    pub(super) fn parameter_count(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameter_count).sum()
    }
}

/// Runs of layers of the same module, where a module is so many parts of a name. A layer without one goes with the
/// layer before it while height and width stay.
fn divided<'l>(layers: &[&'l Layer], extents: &[Extents], parts: usize) -> Vec<Group<'l>> {
    let mut groups: Vec<Group<'l>> = Vec::new();
    for (index, &layer) in layers.iter().enumerate() {
        let module = module(&layer.name, parts);
        let is_alike = |group: &&mut Group<'l>| match module {
            Some(_) => group.module == module,
            None => extents[index - 1] == extents[index],
        };
        match groups.last_mut().filter(is_alike) {
            Some(group) => group.layers.push(layer),
            None => groups.push(Group { layers: vec![layer], module }),
        }
    }
    groups
}

/// The first parts of a name, at most so many and without the last, which is the layer's own.
fn module(name: &str, parts: usize) -> Option<&str> {
    let is_separator = |character: char| matches!(character, '/' | '.' | '_');
    let start = name.len() - name.trim_start_matches(is_separator).len();
    let end = name[start..].match_indices(is_separator).take(parts).last();
    end.map(|(end, separator)| &name[..start + end + separator.len()])
}

/// How many bytes two names have in common, whole parts of a path only.
fn shared_path(first: &str, last: &str) -> usize {
    let ends = first.match_indices('/').map(|(end, _)| end + 1);
    // The slash that every name of an exporter begins with tells nothing.
    ends.rev().find(|&end| end > 1 && last.starts_with(&first[..end])).unwrap_or(0)
}

/// Height and width; `None` for what has no places: numbers, tokens, an image of one pixel.
type Extents = Option<[usize; 2]>;

/// The height and width at each layer. Those count that a convolution or the like computes, where there is one: what
/// attention computes for its heads and tokens has three axes as well. Where they are left for a few layers, they stay.
fn extents(layers: &[&Layer]) -> Vec<Extents> {
    let images: BTreeSet<[usize; 2]> =
        layers.iter().filter(|layer| makes_images(layer)).filter_map(|layer| last_two(layer)).collect();
    let counts = |extents: &[usize; 2]| images.is_empty() || images.contains(extents);
    let mut extents: Vec<Extents> = layers.iter().map(|layer| last_two(layer).filter(counts)).collect();
    end_excursions(&mut extents);
    extents
}

fn makes_images(layer: &Layer) -> bool {
    layer.op.starts_with("Conv") || layer.op.ends_with("Pool") || matches!(layer.op, "Resize" | "Upsample")
}

fn last_two(layer: &Layer) -> Extents {
    match *layer.output_shape.extents() {
        [_, height, width] if (height, width) != (1, 1) => Some([height, width]),
        _ => None,
    }
}

/// Gives layers without an image the extents of the images around them, if those are the same and not far apart.
fn end_excursions(extents: &mut [Extents]) {
    let mut start = 0;
    while start < extents.len() {
        let length = extents[start..].iter().take_while(|extents| extents.is_none()).count();
        let end = start + length;
        let is_short = (1..=LONGEST_EXCURSION).contains(&length);
        if is_short && start > 0 && end < extents.len() && extents[start - 1] == extents[end] {
            let home = extents[end];
            extents[start..end].fill(home);
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests;
