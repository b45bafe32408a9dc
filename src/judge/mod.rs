//! Judges of the answers in a run folder: another model behind an OpenAI-compatible endpoint, and people.
//!
//! Judging is a step after the comparison: it reads what the candidates answered and needs none of the models.
//!
//! | module | concept |
//! |---|---|
//! | `material` | the questions, answers and scores of a run folder |
//! | [`access`], `endpoint` | where the judge is and its key; one request |
//! | `wording`, `asks` | what it is told and how its reply is read; everything that it is asked |
//! | `work`, `purse`, `record` | asking side by side, again and again; money and pace; what was said, line by line |
//! | `standing`, `bradley_terry`, `agreement` | win rates and strengths; whether two agree |
//! | `foresee` | how much that will be, before there is an answer |
//! | `findings`, `report` | what the replies say together, and as Markdown |
//! | [`blind`], [`ratings`] | a page on which people rate without names, and what they said |
//!
//! ```text
//! runs/<study>/judge/
//!   verdicts.jsonl           every reply        judge.json  judge.md      what they say together
//!   blind.json               the key to the pages    ratings.json  ratings.md  what people say
//! ```

pub mod access;
mod agreement;
mod asks;
pub mod blind;
mod bradley_terry;
mod endpoint;
mod findings;
mod foresee;
mod material;
mod purse;
pub mod ratings;
mod record;
mod report;
mod standing;
mod wording;
mod work;

use std::path::{Path, PathBuf};

use crate::error::{Error, Place, Result};
use crate::files;
use crate::progress::Progress;
use crate::recipe::{JudgeSettings, Recipe};

pub use access::{Access, Patience};
pub use foresee::{Foreseen, foresee};
pub use record::Record;
pub use wording::{Verdict, Winner};

use asks::Asks;
use endpoint::Endpoint;
use findings::Findings;
use material::Material;
use purse::Purse;
use record::Records;
use work::End;

/// What a judge says, for a person and for a machine.
#[derive(Debug)]
pub struct Judged {
    /// As in `judge.md`.
    pub text: String,
    /// As in `judge.json`.
    pub json: serde_json::Value,
}

/// Asks the judge of the recipe whatever it was not asked before, and writes what it says.
///
/// # Errors
/// There is no comparison yet; the endpoint refuses; the budget is used up or a person stopped it, both after the reports
/// of what is there are written. Every reply is kept: the same call goes on.
pub fn run(
    folder: &Path,
    recipe: &Recipe,
    access: Access,
    progress: Progress,
    stop: &dyn Fn() -> bool,
) -> Result<Judged> {
    let settings = recipe.study.compare.as_ref().and_then(|compare| compare.judge.as_ref()).ok_or_else(|| {
        Error::usage("the recipe has no judge")
            .hint("add compare: { judge: { model: NAME } }, or give --set compare.judge.model=NAME")
    })?;
    let material = Material::read(folder, recipe)?;
    let asks = Asks::new(settings, &material).at("compare.judge")?;
    if asks.asks.is_empty() && asks.same.is_empty() {
        return Err(Error::new("there is nothing to judge")
            .at("compare.judge")
            .hint("it needs a task in which something is written, and two candidates for mode: pairwise"));
    }
    files::make_folder(&place(folder))?;
    let mut records = Records::read(&place(folder).join("verdicts.jsonl"))?;
    let end = ask(settings, &material, &asks, access, &mut records, (progress, stop))?;
    let findings = Findings::new(settings, &material, &asks, &records);
    let (done, all) = (findings.answered, findings.prompts);
    let (note, error) = match end {
        End::Done => (None, None),
        End::Budget => {
            let budget = settings.budget.unwrap_or_default();
            let what = format!("the budget of ${budget} ended the judging after {done} of {all} prompts");
            let hint = "raise compare.judge.budget and the same command goes on; what is judged is in judge/judge.md";
            (Some(what.clone()), Some(Error::new(what).hint(hint)))
        }
        End::Stopped => {
            let what = format!("judging was stopped after {done} of {all} prompts");
            (Some(what.clone()), Some(Error::interrupted(what).hint("the same command goes on")))
        }
        End::Failed(error) => (Some(format!("judging failed after {done} of {all} prompts")), Some(error)),
    };
    let judged = Judged {
        text: report::markdown(&findings, note.as_deref()),
        json: serde_json::to_value(&findings).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?,
    };
    files::write_json(&place(folder).join("judge.json"), &judged.json)?;
    files::write(&place(folder).join("judge.md"), &judged.text)?;
    error.map_or(Ok(judged), Err)
}

fn ask(
    settings: &JudgeSettings,
    material: &Material,
    asks: &Asks,
    access: Access,
    records: &mut Records,
    (progress, stop): (Progress, &dyn Fn() -> bool),
) -> Result<End> {
    let missing = asks.missing(records);
    if missing.is_empty() {
        return Ok(End::Done);
    }
    let endpoint = Endpoint::new(settings, access)?;
    let purse = Purse::new(settings, records.spent());
    let total = asks.asks.len() as u64;
    let mut bar = progress.bar("judge", "prompts", total.saturating_sub(missing.len() as u64), total);
    let end = work::ask_all(settings, material, &endpoint, missing, records, (&purse, stop, &mut bar))?;
    bar.finish(format!("{} {}", settings.model, purse.words()));
    Ok(end)
}

/// Where everything about judges is.
fn place(folder: &Path) -> PathBuf {
    folder.join("judge")
}
