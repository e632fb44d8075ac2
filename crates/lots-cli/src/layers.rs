//! `lots layers`: the table of contents of a network.

use lots_network::Layer;
use serde::Serialize;

use crate::Done;
use crate::args::LayersArgs;
use crate::failure::Result;
use crate::network::Loaded;
use crate::terminal::{Align, Terminal, grouped, table};

pub(crate) fn run(args: &LayersArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::without_images(&args.network, args.weights.clone(), args.size)?;
    let layers: Vec<&Layer> = loaded
        .network
        .layers()
        .iter()
        .filter(|layer| layer.position.is_some() || !args.weights_only)
        .collect();
    let rows: Vec<Row<'_>> = layers.iter().map(|layer| Row::from(*layer)).collect();
    terminal.result(&rows, || text(&rows))?;
    Ok(Done::Reached)
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

fn text(rows: &[Row<'_>]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let shape: Vec<String> = row.output_shape.iter().map(ToString::to_string).collect();
            vec![
                row.position.map_or_else(String::new, |position| position.to_string()),
                row.name.to_owned(),
                row.op.to_owned(),
                shape.join("×"),
                if row.parameters == 0 { String::new() } else { grouped(row.parameters) },
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
    let parameters = grouped(rows.iter().map(|row| row.parameters).sum());
    format!("{}{} layers, {parameters} parameters\n", table(&header, &cells), rows.len())
}
