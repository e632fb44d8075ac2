//! Checkpoints of a training run: weights, momentum and iteration in one safetensors file.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use lots_network::Network;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

use super::{Solver, Training};
use crate::data::floats;
use crate::error::{Error, Result};
use crate::regular_file::RegularFile;

/// The weights of a billion parameters with their momentum fit.
const MOST_BYTES: u64 = 1 << 33;

/// The SHA-256 of all weights and biases (little-endian f32, in the order of computation) as lower-case hex digits.
pub fn parameters_sha256(network: &Network) -> String {
    let mut hash = Sha256::new();
    for parameter in network.parameters() {
        hash.update(floats::to_bytes(parameter.values));
    }
    hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

impl Training {
    /// Everything that [`Training::restore`] needs to go on with the same bytes, as a safetensors file.
    ///
    /// - `run`: names of what the run was started with (seed, data); [`Training::restore`] wants the same.
    ///
    /// # Panics
    /// Never: the arrays have the shapes of the parameters they were made from.
    pub fn checkpoint(&self, run: &str) -> Vec<u8> {
        let parameters = self.network.parameters();
        let mut arrays = Vec::new();
        for (parameter, momentum) in parameters.iter().zip(&self.momentum) {
            let shape = parameter.shape.extents().to_vec();
            arrays.push((
                format!("weights/{}", parameter.name),
                shape.clone(),
                floats::to_bytes(parameter.values),
            ));
            arrays.push((format!("momentum/{}", parameter.name), shape, floats::to_bytes(momentum)));
        }
        let mut views = Vec::new();
        for (name, shape, bytes) in &arrays {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            views
                .push((name.as_str(), view.expect("four bytes a number, as many numbers as the shape says")));
        }
        let metadata = HashMap::from([
            ("iteration".to_owned(), self.iteration.to_string()),
            ("solver".to_owned(), format!("{:?}", self.solver)),
            ("run".to_owned(), run.to_owned()),
        ]);
        safetensors::serialize(views, Some(metadata)).expect("names are distinct and sizes were checked")
    }

    /// The training that [`Training::checkpoint`] wrote to `path`, with `network` as the architecture.
    ///
    /// # Errors
    /// Those of [`RegularFile`]; [`Error::Checkpoint`] if the file is damaged, or from another network, solver or run.
    pub fn restore(path: &Path, network: Network, solver: Solver, run: &str) -> Result<Self> {
        let file = RegularFile::open(path)?.read("checkpoint", MOST_BYTES)?;
        let wrong = |message: String| Error::Checkpoint { message, path: path.to_owned() };
        let (_, header) = SafeTensors::read_metadata(&file).map_err(|error| wrong(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&file).map_err(|error| wrong(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        for (key, expected) in [("solver", format!("{solver:?}")), ("run", run.to_owned())] {
            match metadata.get(key) {
                Some(got) if *got == expected => {}
                got => {
                    let got = got.map_or("nothing", String::as_str);
                    return Err(wrong(format!(
                        "it belongs to another {key}: expected `{expected}`, got `{got}`"
                    )));
                }
            }
        }
        let mut training = Self::new(network, solver);
        training.iteration = metadata
            .get("iteration")
            .and_then(|iteration| iteration.parse().ok())
            .ok_or_else(|| wrong("it does not say how many iterations were done".to_owned()))?;
        let read = |name: String, into: &mut [f32]| -> Result<()> {
            let tensor = tensors.tensor(&name).map_err(|error| wrong(error.to_string()))?;
            if tensor.dtype() != Dtype::F32 || tensor.data().len() != 4 * into.len() {
                return Err(wrong(format!("`{name}` has another size than the network's")));
            }
            for (value, bytes) in into.iter_mut().zip(tensor.data().as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            Ok(())
        };
        let names: Vec<String> =
            training.network.parameters().iter().map(|each| each.name.to_owned()).collect();
        for (name, momentum) in names.iter().zip(&mut training.momentum) {
            read(format!("momentum/{name}"), momentum)?;
        }
        let mut result = Ok(());
        training.network.change_parameters(|index, values| {
            if result.is_ok() {
                result = read(format!("weights/{}", names[index]), values);
            }
        });
        result.map(|()| training)
    }
}
