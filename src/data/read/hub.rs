//! Rows of a data set on the Hub: its files in order, each fetched when its rows are wanted.

use std::path::PathBuf;

use super::{Place, Read, Rows};
use crate::error::Result;
use crate::hub::{Client, Dataset, Name, Wanted};
use crate::progress::Progress;
use crate::recipe::{HubDataset, Source, SourceOrigin};

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

/// The files that [`Place::file`] counts, as people know them.
pub(crate) fn names(dataset: &Dataset) -> Vec<PathBuf> {
    dataset.entries().iter().map(|entry| dataset.address(entry).into()).collect()
}

/// The rows of all files. The next file is fetched ahead, except where a limit may end before it.
pub(super) fn rows(source: &Source, dataset: &HubDataset, seed: u64, progress: Progress) -> Result<Rows> {
    let opened = open(dataset)?;
    if !opened.left_out().is_empty() {
        let (count, first) = (opened.left_out().len(), opened.left_out().first().cloned().unwrap_or_default());
        progress.say(format!("{:>16}  files in another format are not read: {count}, such as {first}", source.name));
    }
    let mut files = opened.files(source.limit.is_none(), progress);
    let one = Source { limit: None, ..source.clone() };
    let each = (0..files.len()).flat_map(move |index| -> Box<dyn Iterator<Item = Result<Read>> + Send> {
        let opened = files.path(index).and_then(|path| {
            let origin = SourceOrigin::Files(vec![path]);
            Rows::open_with(&Source { origin, ..one.clone() }, seed, progress)
        });
        let file = u32::try_from(index).unwrap_or(u32::MAX);
        match opened {
            Ok(rows) => {
                Box::new(rows.map(move |read| read.map(|read| Read { place: Place { file, ..read.place }, ..read })))
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    });
    Ok(Rows {
        files: names(&opened),
        bytes: opened.bytes(),
        left: source.limit.unwrap_or(u64::MAX),
        rows: Box::new(each),
    })
}
