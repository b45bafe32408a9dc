//! Rows of a data set on the Hub: its files in order, each fetched when its rows are wanted.

use std::path::PathBuf;
use std::sync::Arc;

use super::layout::Layout;
use super::open::Input;
use super::{Found, Rows, Skipped, one_input};
use crate::error::Result;
use crate::hub::{Client, Dataset, Name, Wanted};
use crate::progress::Progress;
use crate::recipe::{HubDataset, OnBadRow, Source};

/// The data set, with the files of its subset and split known and none of them fetched.
pub(crate) fn open(dataset: &HubDataset) -> Result<Dataset> {
    Dataset::open(
        &Client::from_environment(),
        &Wanted {
            name: Name::new(&dataset.name)?,
            subset: dataset.subset.clone(),
            split: dataset.split.clone(),
            revision: dataset.revision.clone(),
            commit: dataset.commit.clone(),
        },
    )
}

/// The files that [`Place::file`](super::Place::file) counts, as people know them.
pub(crate) fn names(dataset: &Dataset) -> Vec<PathBuf> {
    dataset.entries().iter().map(|entry| dataset.address(entry).into()).collect()
}

/// The rows of all files. The next file is fetched ahead, except where a limit may end before it.
pub(super) fn rows(source: &Source, dataset: &HubDataset, progress: Progress) -> Result<Rows> {
    let opened = open(dataset)?;
    if !opened.left_out().is_empty() {
        let (count, first) = (opened.left_out().len(), opened.left_out().first().cloned().unwrap_or_default());
        progress.say(format!("{:>16}  files in another format are not read: {count}, such as {first}", source.name));
    }
    let mut files = opened.files(source.limit.is_none(), progress);
    let (layout, reading) = (Arc::new(Layout::new(source)), source.reading.clone());
    let each = (0..files.len()).flat_map(move |index| -> Box<dyn Iterator<Item = Result<(u32, Found)>> + Send> {
        let file = u32::try_from(index).unwrap_or(u32::MAX);
        let found = files.path(index).and_then(|path| one_input(&Input::File(path), &layout, &reading));
        let found = found.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
        Box::new(found.map(move |found| Ok((file, found?))))
    });
    Ok(Rows {
        files: names(&opened),
        bytes: opened.bytes(),
        left: source.limit.unwrap_or(u64::MAX),
        skips: source.reading.on_bad_row == OnBadRow::Skip,
        skipped: Skipped::default(),
        failed: false,
        rows: Box::new(each),
    })
}
