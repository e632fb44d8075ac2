//! `lots layers`: the table of contents of a network, of a screenful of layers or of hundreds.

mod filter;
mod groups;

use std::collections::BTreeMap;

use lots_network::{Layer, Shape};
use serde::Serialize;

use crate::Done;
use crate::args::{LayersArgs, SCREENFUL};
use crate::failure::{Failure, Result};
use crate::network::Loaded;
use crate::terminal::{Align, Terminal, grouped, shortened, table};
use filter::{Filter, without_wildcards};
use groups::{Group, groups};

/// Names longer than this are shortened in a table. Those that exporters write mostly fit: paths through some ten modules.
const LONGEST_NAME: usize = 72;

/// How many operators of a group are named if it has more; what is left of a line.
const MOST_OPS: usize = 3;

pub(crate) fn run(args: &LayersArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::without_images(&args.network, args.weights.clone(), args.size)?;
    let loaded = loaded.with_gallery(&args.gallery)?;
    let layers = chosen(&loaded, args)?;
    if args.groups {
        let rows: Vec<GroupRow<'_>> = groups(&layers).iter().map(GroupRow::from).collect();
        terminal.result(&rows, || group_table(&rows))?;
        return Ok(Done::Reached);
    }
    let rows: Vec<Row<'_>> = layers.iter().map(|&layer| Row::from(layer)).collect();
    terminal.result(&rows, || {
        if args.all || layers.len() <= SCREENFUL {
            return layer_table(&layers);
        }
        let rows: Vec<GroupRow<'_>> = groups(&layers).iter().map(GroupRow::from).collect();
        format!("{}{}\n", group_table(&rows), advice(&layers, args))
    })?;
    Ok(Done::Reached)
}

/// The layers that the arguments ask for.
///
/// # Errors
/// If a pattern matches none: it would have no effect.
fn chosen<'l>(loaded: &'l Loaded, args: &LayersArgs) -> Result<Vec<&'l Layer>> {
    let all = loaded.network.layers();
    let listed: Vec<&Layer> =
        all.iter().filter(|layer| layer.position.is_some() || !args.weights_only).collect();
    let filters: Vec<Filter> = args.filter.iter().map(|pattern| Filter::new(pattern)).collect();
    for (pattern, filter) in args.filter.iter().zip(&filters) {
        if listed.iter().any(|layer| filter.matches(layer)) {
            continue;
        }
        let which = if args.weights_only { "layer with weights" } else { "layer" };
        let hint = if all.iter().any(|layer| filter.matches(layer)) {
            "layers without weights match, leave out `--weights-only`".to_owned()
        } else {
            loaded.nearest_layers(&without_wildcards(pattern))
        };
        return Err(Failure::new(format!("no {which} matches `--filter {pattern}`"))
            .about("network", &loaded.name)
            .with_hint(hint));
    }
    let is_wanted = |layer: &&Layer| filters.is_empty() || filters.iter().any(|filter| filter.matches(layer));
    Ok(listed.into_iter().filter(is_wanted).collect())
}

/// How to see layers of which only groups were printed.
fn advice(layers: &[&Layer], args: &LayersArgs) -> String {
    let with_weights = layers.iter().filter(|layer| layer.position.is_some()).count();
    let is_shorter = !args.weights_only && (1..=SCREENFUL).contains(&with_weights);
    let weights = if is_shorter { ", `--weights-only` those with weights" } else { "" };
    format!("a row is a group: `--all` lists each layer, `--filter PATTERN` those that match{weights}")
}

/// A layer as `--json` prints it.
#[derive(Debug, Serialize)]
struct Row<'l> {
    /// The paper's index; only layers with weights have one.
    position: Option<usize>,
    name: &'l str,
    /// What the tensor is called that the layer computes, by which it can be addressed as well.
    tensor: &'l str,
    op: &'l str,
    /// Without the batch axis.
    output_shape: &'l [usize],
    parameters: usize,
}

impl<'l> From<&'l Layer> for Row<'l> {
    fn from(layer: &'l Layer) -> Self {
        Self {
            position: layer.position,
            name: &layer.name,
            tensor: &layer.tensor,
            op: layer.op,
            output_shape: layer.output_shape.extents(),
            parameters: layer.parameter_count,
        }
    }
}

/// A group of layers as `--json` prints it.
#[derive(Debug, Serialize)]
struct GroupRow<'l> {
    /// A pattern for `--filter` where the names of its layers begin alike.
    name: String,
    /// The positions of those of its layers that have one.
    positions: Vec<usize>,
    /// The names of its layers.
    layers: Vec<&'l str>,
    /// How many layers have each operator.
    ops: BTreeMap<&'static str, usize>,
    /// What the last layer computes, without the batch axis.
    output_shape: &'l [usize],
    parameters: usize,
}

impl<'l> From<&Group<'l>> for GroupRow<'l> {
    fn from(group: &Group<'l>) -> Self {
        Self {
            name: group.name(),
            positions: group.positions(),
            layers: group.layers.iter().map(|layer| layer.name.as_str()).collect(),
            ops: group.ops(),
            output_shape: group.layers.last().map_or(&[], |layer| layer.output_shape.extents()),
            parameters: group.parameter_count(),
        }
    }
}

fn layer_table(layers: &[&Layer]) -> String {
    let cells: Vec<Vec<String>> = layers
        .iter()
        .map(|layer| {
            vec![
                layer.position.map_or_else(String::new, |position| position.to_string()),
                shortened(&layer.name, LONGEST_NAME),
                layer.op.to_owned(),
                layer.output_shape.to_string(),
                parameters(layer.parameter_count),
            ]
        })
        .collect();
    let header = [
        ("position", Align::Right),
        ("name", Align::Left),
        ("op", Align::Left),
        ("output", Align::Right),
        ("parameters", Align::Right),
    ];
    let sum = grouped(layers.iter().map(|layer| layer.parameter_count).sum());
    let note = if layers.iter().any(|layer| is_shortened(&layer.name)) { NOTE } else { "" };
    format!("{}{} layers, {sum} parameters\n{note}", table(&header, &cells), layers.len())
}

fn group_table(rows: &[GroupRow<'_>]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                range(&row.positions),
                shortened(&row.name, LONGEST_NAME),
                row.layers.len().to_string(),
                counts(&row.ops),
                Shape::new(row.output_shape).to_string(),
                parameters(row.parameters),
            ]
        })
        .collect();
    let header = [
        ("position", Align::Right),
        ("name", Align::Left),
        ("layers", Align::Right),
        ("ops", Align::Left),
        ("output", Align::Right),
        ("parameters", Align::Right),
    ];
    let layers: usize = rows.iter().map(|row| row.layers.len()).sum();
    let sum = grouped(rows.iter().map(|row| row.parameters).sum());
    let note = if rows.iter().any(|row| is_shortened(&row.name)) { NOTE } else { "" };
    format!("{}{layers} layers in {} groups, {sum} parameters\n{note}", table(&header, &cells), rows.len())
}

/// Below a table with a name that cannot be copied from it.
const NOTE: &str = "some names are shortened here, `--json` has them whole\n";

fn is_shortened(name: &str) -> bool {
    shortened(name, LONGEST_NAME) != name
}

fn parameters(count: usize) -> String {
    if count == 0 { String::new() } else { grouped(count) }
}

/// `5–10`, from the first to the last.
fn range(positions: &[usize]) -> String {
    match positions {
        [] => String::new(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first}–{last}"),
    }
}

/// `12 Conv, 12 Relu, 4 Add, 3 others`, the most frequent first.
fn counts(ops: &BTreeMap<&str, usize>) -> String {
    let mut ops: Vec<(&str, usize)> = ops.iter().map(|(&op, &count)| (op, count)).collect();
    ops.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    // A single operator takes no more room than the number of others.
    let named = if ops.len() == MOST_OPS + 1 { ops.len() } else { MOST_OPS.min(ops.len()) };
    let others: usize = ops[named..].iter().map(|(_, count)| count).sum();
    let mut words: Vec<String> = ops[..named].iter().map(|(op, count)| format!("{count} {op}")).collect();
    if others > 0 {
        words.push(format!("{others} others"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_operators_are_named() {
        let table: [(&[(&str, usize)], &str); 4] = [
            (&[("Add", 4), ("Conv", 12), ("Relu", 12)], "12 Conv, 12 Relu, 4 Add"),
            (&[("Add", 4), ("Conv", 12), ("Gemm", 1), ("Relu", 12)], "12 Conv, 12 Relu, 4 Add, 1 Gemm"),
            (
                &[("Add", 4), ("Conv", 12), ("Gemm", 1), ("Relu", 12), ("Tanh", 2)],
                "12 Conv, 12 Relu, 4 Add, 3 others",
            ),
            (&[], ""),
        ];
        for (ops, text) in table {
            assert_eq!(counts(&ops.iter().copied().collect()), text);
        }
    }

    #[test]
    fn positions_are_told_from_the_first_to_the_last() {
        for (positions, text) in [(&[][..], ""), (&[5], "5"), (&[5, 7, 10], "5–10")] {
            assert_eq!(range(positions), text);
        }
    }
}
