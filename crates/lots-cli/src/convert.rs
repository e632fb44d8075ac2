//! `lots convert`: a network in any form that can be read, as an ONNX file that says which pixels it expects.

use serde::Serialize;

use crate::Done;
use crate::args::ConvertArgs;
use crate::digest;
use crate::failure::Result;
use crate::network::Loaded;
use crate::terminal::{Terminal, grouped};

pub(crate) fn run(args: &ConvertArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let bytes = loaded.network.to_onnx();
    lots::whole_file::write(&args.out, &bytes)?;
    let layers = loaded.network.layers();
    let report = Report {
        file: args.out.display().to_string(),
        sha256: digest::of_bytes(&bytes),
        layers: layers.len(),
        parameters: layers.iter().map(|layer| layer.parameter_count).sum(),
        from: From {
            sha256: loaded.file_sha256().to_owned(),
            gallery: loaded.gallery.as_ref().map(|gallery| gallery.file.clone()),
            network: loaded.name,
        },
    };
    terminal.result(&report, || {
        format!(
            "wrote {}: {} layers, {} parameters\n",
            report.file,
            report.layers,
            grouped(report.parameters)
        )
    })?;
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    sha256: String,
    layers: usize,
    parameters: usize,
    from: From,
}

/// What was read.
#[derive(Debug, Serialize)]
struct From {
    network: String,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gallery: Option<String>,
}
