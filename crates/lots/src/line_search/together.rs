//! Many rays at once: finished ones leave, the images that the others ask for are packed into full batches.

use rayon::prelude::*;

use super::Verdict;
use super::search::Search;
use crate::error::Result;

/// Gets which searches ask and their images, `[asking, pixels]`; returns a verdict for each.
pub(crate) type Judge<'j> = dyn FnMut(&[usize], &[u8]) -> Result<Vec<Verdict>> + 'j;

/// Runs all `searches` to their end. What each finds does not depend on the others nor on the size of a batch.
///
/// - `batch`: how many images are judged in one call at most.
///
/// # Errors
/// The first of `judge`.
pub(crate) fn search_together(
    searches: &mut [Search<'_>],
    batch: usize,
    judge: &mut Judge<'_>,
) -> Result<()> {
    let mut active: Vec<(usize, &mut Search<'_>)> =
        searches.iter_mut().enumerate().filter(|(_, search)| search.step().is_some()).collect();
    let mut pixels = Vec::new();
    while let Some((_, any)) = active.first() {
        let each = any.ray().pixel_count();
        for asking in active.chunks_mut(batch.max(1)) {
            pixels.resize(asking.len() * each, 0);
            pixels.par_chunks_mut(each).zip(asking.par_iter()).for_each(|(image, (_, search))| {
                if let Some(step) = search.step() {
                    search.ray().write(step, image);
                }
            });
            let indices: Vec<usize> = asking.iter().map(|(index, _)| *index).collect();
            let verdicts = judge(&indices, &pixels)?;
            assert_eq!(verdicts.len(), asking.len(), "a verdict for each image");
            asking.par_iter_mut().zip(verdicts).for_each(|((_, search), verdict)| search.tell(verdict));
        }
        active.retain(|(_, search)| search.step().is_some());
    }
    Ok(())
}
