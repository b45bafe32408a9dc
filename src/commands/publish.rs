//! `emakeel publish`: an adapter, a merged model or a snapshot of a run goes to the Hub, with its card.

use serde_json::json;

use crate::cli::PublishArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::{Error, Result};
use crate::hub::Client;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::study::RunOptions;
use crate::study::publish::{Wanted, prepare};

/// Lets everything through the gate first; then each goes in one commit.
pub fn run(args: &PublishArgs, progress: Progress) -> Result<()> {
    let recipe = args.run.join("recipe.yaml");
    if !recipe.exists() {
        return Err(Error::new("there is no run folder here")
            .at(args.run.display().to_string())
            .hint("give the folder that `emakeel run` wrote, for example runs/quickstart"));
    }
    let recipe = Recipe::open(&recipe, &[])?;
    let interrupt = Interrupt::listen()?;
    let stop = || interrupt.asked();
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let options = RunOptions { folder: &args.run, cache: &cache, progress, stop: &stop, together: 1 };
    let wanted = Wanted {
        candidate: args.candidate.clone(),
        to: args.to.clone(),
        private: if args.private { Some(true) } else { args.public.then_some(false) },
        create_pr: args.create_pr,
        license: args.license.clone(),
        base: args.base.clone(),
    };
    let client = Client::from_environment();
    let prepared = prepare(&recipe, &options, &wanted, &client)?;
    let mut done = Vec::new();
    for one in &prepared {
        let sent = if args.dry_run { None } else { Some(one.send(&client, progress, &stop)?) };
        if !args.json {
            output::print(match &sent {
                None => one.to_text(&client.environment().endpoint),
                Some(sent) if sent.changed.is_empty() => {
                    format!("{}: nothing new, all is at {}", one.candidate, sent.page)
                }
                Some(sent) => format!("{}: {} files at {}", one.candidate, sent.changed.len(), sent.page),
            })?;
        }
        done.push(one.to_json(sent.as_ref()));
    }
    if args.json {
        return output::print_json(&json!({ "dry_run": args.dry_run, "published": done }));
    }
    if args.dry_run { output::print("nothing was sent (--dry-run)") } else { Ok(()) }
}
