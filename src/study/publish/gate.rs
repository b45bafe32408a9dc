//! What must hold before anything is sent: no secret, a base that others can find or know, a licence, a whole card,
//! and finite weights.

use std::path::Path;

use candle_core::{DType, Device};
use serde_json::Value;

use super::{folder, secrets};
use crate::error::{Error, Result};
use crate::files;
use crate::hub::Client;
use crate::model::TensorFile;
use crate::study::card::{self, CardFacts, SECTIONS, Subject};

/// Looks through the folder that is to be sent.
///
/// # Errors
/// All that is wrong with it at once.
pub fn check(staged: &Path, facts: &CardFacts<'_>, run: &Path, client: &Client) -> Result<()> {
    let token = client.environment().token.as_ref().map(|token| token.secret());
    let mut wrong = Vec::new();
    for name in folder::names(staged)? {
        let path = staged.join(&name);
        for finding in secrets::found(&path, token, run)? {
            wrong.push(Error::new(format!("{name} has {finding}")).hint(
                "take it out where it comes from (the recipe, or the base's files); what is published cannot be taken back",
            ));
        }
        if name.ends_with(".safetensors") {
            wrong.extend(finite(&path).err());
        }
    }
    wrong.extend(complete(&files::read_text(&staged.join(card::FILE))?, facts));
    Error::all(wrong).map_or(Ok(()), Err)
}

/// Refuses weights that are not numbers.
fn finite(path: &Path) -> Result<()> {
    let file = TensorFile::open(path)?;
    for name in file.names() {
        let tensor = file.read(&name, DType::F32, &Device::Cpu)?;
        // A finite number times zero is zero, any other is NaN.
        if (tensor * 0.0)?.sum_all()?.to_scalar::<f32>()? != 0.0 {
            let place = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Error::new(format!("{name} has values that are NaN or infinite")).at(place));
        }
    }
    Ok(())
}

/// What a card lacks.
fn complete(text: &str, facts: &CardFacts<'_>) -> Vec<Error> {
    let mut wrong = Vec::new();
    let mut lacks = |what: String| wrong.push(Error::new(format!("the card lacks {what}")).at(card::FILE));
    for section in SECTIONS {
        if !text.lines().any(|line| line == section) {
            lacks(format!("the section {section:?}"));
        }
    }
    let header = text.strip_prefix("---\n").and_then(|text| Some(text.split_once("\n---\n")?.0));
    let header: Value = header.and_then(|header| serde_yaml::from_str(header).ok()).unwrap_or_default();
    for key in ["library_name", "license", "pipeline_tag", "tags"] {
        if header.get(key).is_none_or(Value::is_null) {
            lacks(format!("{key} in its header"));
        }
    }
    match (&facts.base.id, &facts.base.hash) {
        (Some(id), _) if header.get("base_model").and_then(Value::as_str) != Some(id) => {
            lacks("base_model in its header".to_owned());
        }
        (None, Some(hash)) if !text.contains(hash.as_str()) => lacks("the hash of its base's weights".to_owned()),
        (None, None) if matches!(facts.subject, Subject::Adapter(_)) => wrong.push(
            Error::new("the base is no model of the Hub, and the adapter does not record the hash of its weights")
                .hint("say where it is with --base owner/name"),
        ),
        _ => {}
    }
    wrong
}

/// As [`check`], for the tests of what is in a card.
#[cfg(test)]
pub fn card_lacks(text: &str, facts: &CardFacts<'_>) -> String {
    Error::all(complete(text, facts)).map(|error| error.to_string()).unwrap_or_default()
}
