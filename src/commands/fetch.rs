//! `emakeel fetch`: a model or an adapter of the Hub, into the Hub's cache or a folder.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::FetchArgs;
use crate::commands::output;
use crate::error::{Error, Result};
use crate::files;
use crate::hub::{Client, Fetched, Kind, Name, commit_of, fetch_repository};
use crate::progress::Progress;

/// Fetches what is not here yet, and says where it is.
pub fn run(args: &FetchArgs, progress: Progress) -> Result<()> {
    let client = Client::from_environment();
    let name = Name::new(&args.name)?;
    let fetched = fetch(&client, &name, &args.revision, progress)?;
    let base = fetched.base.clone();
    let folder = match &args.to {
        Some(to) => put(&fetched, to)?,
        None => fetched.folder.clone(),
    };
    let with_base = match &base {
        Some(base) if args.with_base => {
            let base_name = Name::new(base).map_err(|error| {
                error.hint("the adapter's base is a model of its author's machine; ask its card where it is")
            })?;
            let fetched = fetch(&client, &base_name, "main", progress)?;
            let folder = match &args.to {
                Some(to) => put(&fetched, &to.with_file_name(beside(to)))?,
                None => fetched.folder,
            };
            Some(folder)
        }
        None if args.with_base => {
            return Err(Error::usage("--with-base")
                .got("of a repository that is no adapter")
                .expected("of an adapter"));
        }
        _ => None,
    };
    if args.json {
        return output::print_json(&described(&name, &fetched, &folder, with_base.as_deref()));
    }
    output::print(folder.display().to_string())?;
    match (&base, &with_base) {
        (Some(base), Some(folder)) => output::print(format!("{}\n  the base, {base}", folder.display())),
        (Some(base), None) => {
            progress.say(format!("an adapter on {base}; --with-base fetches that too"));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn fetch(client: &Client, name: &Name, revision: &str, progress: Progress) -> Result<Fetched> {
    let commit = commit_of(client, Kind::Model, name, revision)?;
    fetch_repository(client, name, &commit, progress)
}

/// The folder's name with `-base` behind it.
fn beside(to: &Path) -> String {
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{name}-base")
}

/// Copies the files into a folder; files of other names that are there stay.
fn put(fetched: &Fetched, to: &Path) -> Result<PathBuf> {
    files::make_folder(to)?;
    for path in &fetched.paths {
        let (from, place) = (fetched.folder.join(path), to.join(path));
        place.parent().map_or(Ok(()), files::make_folder)?;
        // Whole or not at all, and not as a link into the cache, which may be emptied.
        let partial = files::temporary_beside(&place);
        std::fs::copy(&from, &partial).map_err(|e| Error::io(&place, "copy the file", &e))?;
        std::fs::rename(&partial, &place).map_err(|e| Error::io(&place, "put the file in its place", &e))?;
    }
    Ok(to.to_owned())
}

fn described(name: &Name, fetched: &Fetched, folder: &Path, base: Option<&Path>) -> Value {
    json!({
        "name": name.to_string(),
        "commit": fetched.commit,
        "folder": folder.display().to_string(),
        "kind": if fetched.base.is_some() || fetched.is_adapter { "adapter" } else { "model" },
        "files": fetched.paths,
        "base": fetched.base,
        "base_folder": base.map(|base| base.display().to_string()),
    })
}
