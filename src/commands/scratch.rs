//! A model by its name or folder, as a folder; that of a built-in one is gone when the work is done.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files;
use crate::study;

/// A model's folder.
pub struct ModelFolder {
    path: PathBuf,
    temporary: Option<PathBuf>,
}

impl ModelFolder {
    /// Finds a folder, or writes that of a built-in model to the system's place for temporary files.
    pub fn open(name: &str) -> Result<Self> {
        let scratch =
            std::env::temp_dir().join(format!("emakeel-{}-{}", name.replace(['/', '\\'], "-"), std::process::id()));
        let path = study::model_folder(name, &scratch)?;
        let temporary = (path == scratch).then_some(scratch);
        Ok(Self { path, temporary })
    }

    /// A folder that is there.
    pub fn of(path: PathBuf) -> Self {
        Self { path, temporary: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ModelFolder {
    fn drop(&mut self) {
        if let Some(folder) = &self.temporary {
            let _ = files::remove_folder(folder);
        }
    }
}
