//! What is done with the bytes of a gallery, in the fuzz target and in the tests that replay its corpus.

use lots::gallery::{from_bytes, to_bytes};
use lots_network::Network;

/// Reads a gallery, writes it again, and puts it behind a network; the sentence if it is none.
pub(crate) fn read_gallery(bytes: &[u8]) -> Result<(), String> {
    let gallery = from_bytes(bytes, "fuzz.safetensors").map_err(|error| {
        let _ = error.hint();
        error.to_string()
    })?;
    let again = from_bytes(&to_bytes(&gallery), "again.safetensors").map_err(|error| error.to_string());
    assert_eq!(again.as_ref(), Ok(&gallery), "what is written is what is read");
    if let Err(error) = Network::lenet(0).with_gallery(&gallery) {
        // It is another network's.
        let _ = error.hint();
    }
    Ok(())
}
